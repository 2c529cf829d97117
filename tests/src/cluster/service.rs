//! A service of ours as a plain process, which says where it answers.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::supervised::Supervised;
use crate::Tool;

/// A running service. It ends with this value.
pub struct Service {
    process: Supervised,
    /// What it said when it was ready.
    pub ready: Value,
    ready_file: PathBuf,
    log: PathBuf,
}

impl Service {
    /// Starts `program`, which writes to `ready` once it answers.
    pub(super) fn start(program: Tool, ready: &Path, log: &Path) -> Self {
        let _ = std::fs::remove_file(ready);
        let mut process = Supervised::start(program.arg("--ready-file").arg(ready), log, None);
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(told) = std::fs::read(ready).ok().and_then(|text| serde_json::from_slice(&text).ok()) {
                return Self { process, ready: told, ready_file: ready.to_owned(), log: log.to_owned() };
            }
            let said = || std::fs::read_to_string(log).unwrap_or_default();
            assert!(process.is_alive() && Instant::now() < deadline, "the service is not ready:\n{}", said());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        self.process.is_alive()
    }

    /// The file in which it said that.
    pub(super) fn ready_file(&self) -> &Path {
        &self.ready_file
    }

    /// Its number: the process that was told to write that file, and is no shell.
    pub fn pid(&self) -> u32 {
        let named = self.ready_file.display().to_string();
        let processes = std::fs::read_dir("/proc").expect("processes can be listed");
        let mut numbers = processes.filter_map(|one| one.ok()?.file_name().to_str()?.parse::<u32>().ok());
        let is_it = |number: &u32| {
            let line = std::fs::read_to_string(format!("/proc/{number}/cmdline")).unwrap_or_default();
            let mut words = line.split('\0');
            words.next().is_some_and(|program| program.ends_with("pando")) && words.any(|word| word == named)
        };
        numbers.find(is_it).expect("it runs")
    }

    /// Tells it to stop, as kubelets do.
    pub fn terminate(&self) {
        Tool::new("kill").args(["-TERM", &self.pid().to_string()]).ok();
    }

    /// The most memory that it has had, in kibibytes.
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("it can be asked after");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its memory is measured");
        line.trim().trim_end_matches(" kB").parse().expect("it is a number")
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("the log can be read")
    }

    /// What Prometheus gets.
    pub fn metrics(&self) -> String {
        self.page("metrics").ok().stdout
    }

    /// One of the pages that are in the clear.
    pub fn page(&self, name: &str) -> Tool {
        let address = self.ready["probes"].as_str().expect("it has probes");
        Tool::new("curl").args(["-sS", "--fail", &format!("http://{address}/{name}")])
    }
}
