//! The command line.

use std::path::PathBuf;

use clap::Parser;

/// Call a plugin of the Container Credential Guard as Windows does.
///
/// Without --dll, COM finds the plugin by its registration, as the guard has it do. Run it as Administrator or SYSTEM to see what the guard
/// sees: files and settings of plugins are closed to others.
#[derive(Parser)]
#[command(name = "ccg-host", version, max_term_width = 110)]
pub struct Arguments {
    /// The plugin: rkc, akv, or a class in braces.
    #[arg(long, default_value = "rkc")]
    pub plugin: String,
    /// PluginInput of the credential spec. Given several times, threads take turns with them.
    #[arg(long = "input", required = true)]
    pub inputs: Vec<String>,
    /// Load this DLL, whatever is registered, and unload it at the end.
    #[arg(long, conflicts_with = "surrogate")]
    pub dll: Option<PathBuf>,
    /// Call it in a process of its own, which Windows starts (dllhost.exe).
    #[arg(long)]
    pub surrogate: bool,
    /// Call from this many threads at once.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub threads: u32,
    /// Call so often from each thread.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub repeat: u32,
    /// Call on, however often, until a line or the end of standard input comes; "calling" is printed when the first call is over.
    #[arg(long, conflicts_with_all = ["repeat", "wait"])]
    pub until_input: bool,
    /// Make a new object for each call, as the guard does, instead of one for each thread.
    #[arg(long)]
    pub fresh: bool,
    /// Print passwords, and not only their lengths.
    #[arg(long)]
    pub show_password: bool,
    /// Print one JSON document.
    #[arg(long)]
    pub json: bool,
    /// At the end, wait for a line on standard input before leaving: to look at the process from outside.
    #[arg(long)]
    pub wait: bool,
}
