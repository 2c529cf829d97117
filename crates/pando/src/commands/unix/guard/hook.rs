//! `pando guard hook`: what container runtimes call.

use std::io::{Read, Write};
use std::process::ExitCode;

use guardd::oci::{self, Container, Hooks};
use guardd::{CallError, Caller};

use crate::cli::{GuardHook, HookCreate, HookEdit, HookMount, HookRelease};
use crate::commands::Failed;

pub async fn hook(hook: GuardHook) -> Result<ExitCode, Failed> {
    match hook {
        GuardHook::Edit(args) => edit(&args)?,
        GuardHook::Create(args) => create(&args).await?,
        GuardHook::Mount(args) => mount(&args)?,
        GuardHook::Release(args) => release(&args).await?,
    }
    Ok(ExitCode::SUCCESS)
}

fn edit(args: &HookEdit) -> Result<(), Failed> {
    let hooks = Hooks {
        program: std::env::current_exe()?,
        socket: args.create.socket.clone(),
        krb: args.mount.krb_dir.clone(),
        specs: args.create.credspec_dir.clone(),
    };
    let edited = oci::edit(&input(oci::LONGEST_CONFIG)?, &hooks)?;
    Ok(std::io::stdout().write_all(&edited)?)
}

async fn create(args: &HookCreate) -> Result<(), Failed> {
    let container = state()?;
    if !container.is_annotated() {
        return Ok(());
    }
    let request = container.request(&args.credspec_dir)?;
    let guard = Caller::connect(&args.socket).await?;
    match guard.add(request.clone()).await {
        // Of the same container's earlier run, whose end the guard did not hear of.
        Err(CallError::Refused(status)) if status.code() == guardd::Code::AlreadyExists => {
            guard.release(&request.lease_id).await?;
            guard.add(request).await?;
        }
        added => drop(added?),
    }
    Ok(())
}

fn mount(args: &HookMount) -> Result<(), Failed> {
    let container = state()?;
    if container.is_annotated() {
        container.mount(&args.krb_dir)?;
    }
    Ok(())
}

async fn release(args: &HookRelease) -> Result<(), Failed> {
    let container = state()?;
    if !container.is_annotated() {
        return Ok(());
    }
    match Caller::connect(&args.socket).await?.release(container.lease_id().as_str()).await {
        // It never got one, or it was released by hand.
        Err(CallError::Refused(status)) if status.code() == guardd::Code::NotFound => Ok(()),
        released => Ok(released?),
    }
}

fn state() -> Result<Container, Failed> {
    Ok(Container::parse(&input(oci::LONGEST_STATE)?)?)
}

fn input(longest: u64) -> Result<Vec<u8>, Failed> {
    let mut text = Vec::new();
    std::io::stdin().take(longest).read_to_end(&mut text)?;
    Ok(text)
}
