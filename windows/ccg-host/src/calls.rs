//! All the calls, from as many threads as were asked for.

use std::io::Write;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use windows::Win32::System::Com::{COINIT_MULTITHREADED, CoInitializeEx, CoUninitialize};
use windows_core::{GUID, HSTRING, Result};

use crate::arguments::Arguments;
use crate::outcome::{Outcome, Outcomes};
use crate::plugin::{self, Source};
use crate::process::Holdings;
use crate::report::{self, Report};

/// The multithreaded apartment, which a guard's threads and the surrogate's are in, for as long as this is held.
struct Apartment(());

impl Apartment {
    fn enter() -> Result<Self> {
        // SAFETY: each success is matched by one `CoUninitialize` on the same thread.
        unsafe { CoInitializeEx(None, COINIT_MULTITHREADED) }.ok().map(|()| Self(()))
    }
}

impl Drop for Apartment {
    fn drop(&mut self) {
        // SAFETY: the thread has entered it.
        unsafe { CoUninitialize() };
    }
}

pub fn run(arguments: &Arguments) -> ExitCode {
    let report = attempt(arguments);
    let succeeded = report.as_ref().is_ok_and(Report::succeeded);
    report::print(&report, arguments.json);
    if arguments.wait {
        let _ = std::io::stdin().read_line(&mut String::new());
    }
    if succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn attempt(arguments: &Arguments) -> Result<Report> {
    let _apartment = Apartment::enter()?;
    let class = class(&arguments.plugin)?;
    let source = match &arguments.dll {
        Some(dll) => Source::load(dll, class)?,
        None => Source::Registered { class, surrogate: arguments.surrogate },
    };
    // One call first: what a library makes once is not a leak.
    let mut outcomes = Outcomes::default();
    calls(&source, arguments, 0, &|made| made < 1, &mut outcomes)?;
    let before = Holdings::now();
    let (outcomes, halfway) = rounds(&source, arguments, outcomes)?;
    let after = Holdings::now();
    Ok(Report { outcomes, holdings: [before, halfway, after], unloaded: source.unload() })
}

/// Whether another call is to be made, after so many by a thread.
type More<'a> = &'a (dyn Fn(u32) -> bool + Sync);

/// Half of the calls, and the other half: what grows only in the first was growing into its place.
fn rounds(source: &Source, arguments: &Arguments, mut outcomes: Outcomes) -> Result<(Outcomes, Holdings)> {
    if arguments.until_input {
        let told = until_input();
        all_threads(source, arguments, &|_| !told.load(Ordering::Relaxed), &mut outcomes)?;
        return Ok((outcomes, Holdings::now()));
    }
    // The one call before was one of them.
    if arguments.repeat == 1 && arguments.threads == 1 {
        return Ok((outcomes, Holdings::now()));
    }
    let half = arguments.repeat / 2;
    all_threads(source, arguments, &|made| made < half, &mut outcomes)?;
    let halfway = Holdings::now();
    all_threads(source, arguments, &|made| made < arguments.repeat - half, &mut outcomes)?;
    Ok((outcomes, halfway))
}

/// Becomes true when somebody says so, or when nobody can any more.
fn until_input() -> &'static AtomicBool {
    static TOLD: AtomicBool = AtomicBool::new(false);
    let mut out = std::io::stdout();
    // Who does not read it does not wait for it.
    let _ = writeln!(out, "calling").and_then(|()| out.flush());
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_line(&mut String::new());
        TOLD.store(true, Ordering::Relaxed);
    });
    &TOLD
}

fn all_threads(source: &Source, arguments: &Arguments, more: More<'_>, outcomes: &mut Outcomes) -> Result<()> {
    let found = std::thread::scope(|scope| {
        let one = |thread| scope.spawn(move || from_a_thread(source, arguments, thread, more));
        let threads: Vec<_> = (0..arguments.threads as usize).map(one).collect();
        // A thread that panicked has said why; what others found says nothing then.
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| std::process::abort())).collect::<Vec<_>>()
    });
    found.into_iter().try_for_each(|found| found.map(|found| outcomes.merge(found)))
}

fn from_a_thread(source: &Source, arguments: &Arguments, thread: usize, more: More<'_>) -> Result<Outcomes> {
    let _apartment = Apartment::enter()?;
    let mut outcomes = Outcomes::default();
    calls(source, arguments, thread, more, &mut outcomes)?;
    Ok(outcomes)
}

fn calls(source: &Source, arguments: &Arguments, thread: usize, more: More<'_>, outcomes: &mut Outcomes) -> Result<()> {
    let inputs: Vec<_> = arguments.inputs.iter().map(HSTRING::from).collect();
    let index = thread % inputs.len().max(1);
    let Some(input) = inputs.get(index) else { return Ok(()) };
    let mut object = source.create()?;
    for made in 0..u32::MAX {
        if !more(made) {
            break;
        }
        if arguments.fresh && made > 0 {
            object = source.create()?;
        }
        let since = Instant::now();
        let result = plugin::call(&object, input);
        let took = since.elapsed();
        outcomes.add(Outcome::of(index, result, arguments.show_password), took);
    }
    Ok(())
}

/// By the short name, or as it is written in credential specs.
fn class(text: &str) -> Result<GUID> {
    let clsid = ccg_classes::Class::named(text).map_or(text, |class| class.clsid);
    let wrong = || windows_core::Error::new(windows::Win32::Foundation::E_INVALIDARG, "that is no class");
    ccg_classes::class_id(clsid).ok_or_else(wrong)
}
