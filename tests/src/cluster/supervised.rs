//! A process that ends when this one does, however that ends.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Stdio};

use crate::Tool;

/// A shell waits for the program, and another for the end of the pipe that this process holds open. `$1` is a folder to remove at the end,
/// or empty.
const WATCH: &str = r#"exec 3<&0; forget=$1; shift
"$@" </dev/null 3<&- & child=$!
(read -r _ <&3; kill -KILL $child 2>/dev/null) & watcher=$!
wait $child; kill $watcher 2>/dev/null; [ -z "$forget" ] || rm -rf "$forget""#;

/// A running program.
pub struct Supervised {
    shell: Child,
}

impl Supervised {
    /// Starts a program that writes to a log.
    pub fn start(program: Tool, log: &Path, forget: Option<&Path>) -> Self {
        let forget = forget.map(|folder| folder.display().to_string()).unwrap_or_default();
        let mut command = program.within("sh", &["-c", WATCH, "sh", &forget]).into_command();
        let output = File::options().create(true).append(true).open(log).expect("the log can be made");
        command.stdin(Stdio::piped()).stdout(output.try_clone().expect("the log can be shared")).stderr(output);
        Self { shell: command.spawn().expect("a shell can be started") }
    }

    /// Whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        self.shell.try_wait().expect("it can be asked after").is_none()
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}
