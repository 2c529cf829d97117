//! All the calls, from as many threads as were asked for.

use std::process::ExitCode;
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
    calls(&source, arguments, 0, 1, &mut outcomes)?;
    let before = Holdings::now();
    let (outcomes, halfway) = rounds(&source, arguments, outcomes)?;
    let after = Holdings::now();
    Ok(Report { outcomes, holdings: [before, halfway, after], unloaded: source.unload() })
}

/// Half of the calls, and the other half: what grows only in the first was growing into its place.
fn rounds(source: &Source, arguments: &Arguments, mut outcomes: Outcomes) -> Result<(Outcomes, Holdings)> {
    let halves = [arguments.repeat / 2, arguments.repeat - arguments.repeat / 2];
    let mut halfway = Holdings::default();
    for (half, repeat) in halves.into_iter().enumerate() {
        if half == 1 {
            halfway = Holdings::now();
        }
        // The one call above was one of them.
        if arguments.repeat == 1 && arguments.threads == 1 {
            continue;
        }
        let found = std::thread::scope(|scope| {
            let one = |thread| scope.spawn(move || from_a_thread(source, arguments, thread, repeat));
            let threads: Vec<_> = (0..arguments.threads as usize).map(one).collect();
            // A thread that panicked has said why; what others found says nothing then.
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|_| std::process::abort()))
                .collect::<Vec<_>>()
        });
        for found in found {
            outcomes.merge(found?);
        }
    }
    Ok((outcomes, halfway))
}

fn from_a_thread(source: &Source, arguments: &Arguments, thread: usize, repeat: u32) -> Result<Outcomes> {
    let _apartment = Apartment::enter()?;
    let mut outcomes = Outcomes::default();
    calls(source, arguments, thread, repeat, &mut outcomes)?;
    Ok(outcomes)
}

fn calls(source: &Source, arguments: &Arguments, thread: usize, repeat: u32, outcomes: &mut Outcomes) -> Result<()> {
    let inputs: Vec<_> = arguments.inputs.iter().map(HSTRING::from).collect();
    let index = thread % inputs.len().max(1);
    let Some(input) = inputs.get(index) else { return Ok(()) };
    let mut object = source.create()?;
    for round in 0..repeat {
        if arguments.fresh && round > 0 {
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
