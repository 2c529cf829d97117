//! The results, for people and for machines.

use std::time::Duration;

use comfy_table::{CellAlignment, Table};
use serde::Serialize;

use crate::load::Sample;
use crate::process::Meter;
use crate::{Arguments, BenchError};

/// Everything that was measured.
#[derive(Serialize)]
pub struct Report {
    users: u32,
    connections: usize,
    seconds: f64,
    rounds: usize,
    cores: usize,
    loads: Vec<Load>,
    times: Vec<Times>,
    memory: Vec<Memory>,
}

/// One server under one kind of load.
#[derive(Serialize)]
struct Load {
    what: &'static str,
    server: &'static str,
    operations: usize,
    per_second: f64,
    p50_us: f64,
    p99_us: f64,
    server_cpu_us: f64,
    system_calls: Option<f64>,
}

/// What a server had in memory at one moment, in the order of the run.
#[derive(Serialize)]
struct Memory {
    server: &'static str,
    own_mib: f64,
    mapped_files_mib: f64,
}

/// How long something took, over several runs.
#[derive(Serialize)]
struct Times {
    what: &'static str,
    runs: usize,
    best_ms: f64,
    median_ms: f64,
    worst_ms: f64,
}

impl Report {
    /// An empty report of a run with these arguments.
    pub fn new(arguments: &Arguments) -> Self {
        Self {
            users: arguments.users,
            connections: arguments.connections,
            seconds: arguments.seconds,
            rounds: arguments.rounds,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            loads: Vec::new(),
            times: Vec::new(),
            memory: Vec::new(),
        }
    }

    /// Adds a server's turns.
    pub fn load(&mut self, what: &'static str, server: &'static str, mut sample: Sample) {
        let [p50_us, p99_us] = sample.quantiles([0.5, 0.99]);
        self.loads.push(Load {
            what,
            server,
            operations: sample.operations(),
            per_second: sample.throughput(),
            p50_us,
            p99_us,
            server_cpu_us: sample.cpu_per_operation(),
            system_calls: sample.calls_per_operation(),
        });
    }

    /// Adds the durations of several runs.
    pub fn times(&mut self, what: &'static str, mut runs: Vec<Duration>) {
        runs.sort_unstable();
        let at = |index: usize| runs.get(index).map_or(0.0, |run| run.as_secs_f64() * 1e3);
        let last = runs.len().saturating_sub(1);
        self.times.push(Times { what, runs: runs.len(), best_ms: at(0), median_ms: at(last / 2), worst_ms: at(last) });
    }

    /// Adds what a server has in memory now.
    pub fn memory(&mut self, meter: &Meter) -> Result<(), BenchError> {
        let [own_mib, mapped_files_mib] = meter.memory()?.map(|bytes| bytes as f64 / f64::from(1 << 20));
        self.memory.push(Memory { server: meter.server(), own_mib, mapped_files_mib });
        Ok(())
    }

    /// For machines.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// For people.
    pub fn table(&self) -> String {
        let mut text = format!(
            "{} users, {} connections, {} cores, {} turns of {} s for each server\n",
            self.users, self.connections, self.cores, self.rounds, self.seconds
        );
        if !self.loads.is_empty() {
            let mut table =
                table(&["", "server", "op/s", "p50 us", "p99 us", "server CPU us/op", "system calls/op"], 2);
            for load in &self.loads {
                let calls = load.system_calls.map_or_else(|| "-".to_owned(), |calls| format!("{calls:.1}"));
                table.add_row([
                    load.what.to_owned(),
                    load.server.to_owned(),
                    format!("{:.0}", load.per_second),
                    format!("{:.0}", load.p50_us),
                    format!("{:.0}", load.p99_us),
                    format!("{:.1}", load.server_cpu_us),
                    calls,
                ]);
            }
            text += &format!("{table}\n");
        }
        if !self.memory.is_empty() {
            let mut table = table(&["memory of", "own MiB", "mapped files MiB"], 1);
            for memory in &self.memory {
                let figures = [memory.own_mib, memory.mapped_files_mib].map(|figure| format!("{figure:.1}"));
                table.add_row([memory.server.to_owned()].into_iter().chain(figures));
            }
            text += &format!("{table}\n");
        }
        if !self.times.is_empty() {
            let mut table = table(&["", "runs", "best ms", "median ms", "worst ms"], 1);
            for times in &self.times {
                let figures = [times.best_ms, times.median_ms, times.worst_ms].map(|figure| format!("{figure:.2}"));
                table.add_row([times.what.to_owned(), times.runs.to_string()].into_iter().chain(figures));
            }
            text += &table.to_string();
        }
        text
    }
}

fn table(heads: &[&str], words: usize) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::ASCII_MARKDOWN).set_header(heads);
    table.column_iter_mut().skip(words).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table
}
