//! A computer with Windows' interfaces for one test: a prefix of Wine's of its own, and the programs that were built for Windows in it.
//!
//! Wine is made ready once for each build folder, and copied for each test: what is large there is linked, not copied.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::{Tool, binary};

/// What `cargo xtask windows` has built (`xtask/src/windows.rs` has the same rule), such as `CCGRKC.dll`.
pub fn windows_program(file: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        if std::env::var_os("PANDO_BINARY_IS_FRESH").is_none() {
            let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
            let built = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).args(["xtask", "windows"]).status();
            assert!(built.expect("cargo can be started").success(), "`cargo xtask windows` failed");
        }
        home().join("x86_64-pc-windows-gnu/windows")
    });
    let path = folder.join(file);
    assert!(path.is_file(), "`cargo xtask windows` builds {}", path.display());
    path
}

/// The folder of what is for Windows, beside this build's profile.
fn home() -> PathBuf {
    binary::target().parent().expect("a profile has a folder").join("windows")
}

/// The computer; it is switched off when this is dropped.
pub struct Wine {
    prefix: TempDir,
}

impl Wine {
    /// A fresh one, on which nothing of ours is installed.
    pub fn start() -> Self {
        static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
        let template = TEMPLATE.get_or_init(find_or_make);
        let prefix = TempDir::with_prefix_in("computer-", home()).expect("a temporary folder can be made");
        copy(template, prefix.path()).expect("the template can be copied");
        Self { prefix }
    }

    /// Where a path such as `Program Files/x` is, on drive C.
    pub fn drive_c(&self, path: impl AsRef<Path>) -> PathBuf {
        self.prefix.path().join("drive_c").join(path)
    }

    /// How programs there call a path of this computer's.
    pub fn path(path: &Path) -> String {
        format!("Z:{}", path.display()).replace('/', r"\")
    }

    /// Makes a path on drive C lead to a folder of this computer's.
    pub fn link(&self, path: &str, to: &Path) {
        let link = self.drive_c(path);
        fs::create_dir_all(link.parent().expect("it is in a folder")).expect("the folder can be made");
        std::os::unix::fs::symlink(to, link).expect("a link can be made");
    }

    /// Copies one of the built programs or DLLs into `C:\pando`.
    pub fn put(&self, file: &str) -> PathBuf {
        let to = self.drive_c("pando").join(file);
        fs::create_dir_all(self.drive_c("pando")).expect("the folder can be made");
        fs::copy(windows_program(file), &to).expect("it can be copied");
        to
    }

    /// A program, to be run there: one of Windows' own by its name (`reg`), or one of ours from `C:\pando` by its path.
    pub fn run(&self, program: impl AsRef<std::ffi::OsStr>) -> Tool {
        self.environment(Tool::new("wine")).arg(program)
    }

    /// One of the built programs, to be run from `C:\pando`.
    pub fn program(&self, file: &str) -> Tool {
        if !self.drive_c("pando").join(file).is_file() {
            self.put(file);
        }
        self.run(format!(r"C:\pando\{file}"))
    }

    /// Starts a program that prints a line and then waits for one.
    pub fn hold(&self, tool: Tool) -> Held {
        let mut command = tool.into_command();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().expect("the program can be started");
        let mut out = process.stdout.take().expect("it is piped");
        let (mut said, mut byte) = (Vec::new(), [0]);
        while !said.ends_with(b"\n") && out.read(&mut byte).expect("it says something") == 1 {
            said.extend(byte);
        }
        Held { process, said: String::from_utf8(said).expect("it says text"), rest: out }
    }

    fn environment(&self, tool: Tool) -> Tool {
        environment(tool, self.prefix.path())
    }
}

impl Drop for Wine {
    fn drop(&mut self) {
        self.environment(Tool::new("wineserver")).arg("-k").run();
        self.environment(Tool::new("wineserver")).arg("-w").run();
    }
}

/// A program that has said what it had to say, and waits to be let go.
pub struct Held {
    process: Child,
    said: String,
    rest: ChildStdout,
}

impl Held {
    /// The line that it has printed.
    pub fn said(&self) -> &str {
        &self.said
    }

    /// In how many places of its memory `text` is, as UTF-8 or as UTF-16.
    pub fn memory_with(&self, text: &str) -> usize {
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let process = PathBuf::from(format!("/proc/{}", self.process.id()));
        let memory = File::open(process.join("mem")).expect("a child's memory can be read");
        let maps = fs::read_to_string(process.join("maps")).expect("its map can be read");
        let mut found = 0;
        for line in maps.lines().filter(|line| line.contains(" rw")) {
            let range = line.split(' ').next().and_then(|range| range.split_once('-')).expect("a range");
            let [start, end] = [range.0, range.1].map(|address| u64::from_str_radix(address, 16).expect("an address"));
            let mut bytes = vec![0; usize::try_from(end - start).expect("it fits")];
            // What is reserved and not there cannot be read, and holds nothing.
            if memory.read_exact_at(&mut bytes, start).is_ok() {
                for needle in [text.as_bytes(), &wide] {
                    found += bytes.windows(needle.len()).filter(|window| *window == needle).count();
                }
            }
        }
        found
    }

    /// Lets it go, and gives what it had printed on either stream.
    pub fn end(mut self) -> String {
        drop(self.process.stdin.take());
        let mut errors = String::new();
        self.process.stderr.take().expect("it is piped").read_to_string(&mut errors).expect("it says text");
        self.rest.read_to_string(&mut self.said).expect("it says text");
        self.process.wait().expect("it ends");
        self.said + &errors
    }
}

/// No display, no browser engine, no .NET, and none of Wine's own remarks.
fn environment(tool: Tool, prefix: &Path) -> Tool {
    tool.env("WINEPREFIX", prefix)
        .env("HOME", prefix)
        .env("WINEDEBUG", "-all")
        .env("WINEDLLOVERRIDES", "mscoree=;mshtml=;winemenubuilder.exe=;winedbg.exe=")
}

/// The template of this Wine and this shim; test executables that run later find it.
fn find_or_make() -> PathBuf {
    let version = Tool::new("wine").arg("--version").ok().stdout;
    let version: String = version.trim().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let template = home().join(format!("template-{version}"));
    if !template.is_dir() {
        fs::create_dir_all(home()).expect("a folder for the template can be made");
        let folder = TempDir::with_prefix_in("making-", home()).expect("a temporary folder can be made");
        let made = folder.path().join("prefix");
        fs::create_dir(&made).expect("a folder can be made");
        environment(Tool::new("wineboot"), &made).arg("--init").ok();
        // It has written its registry when its server has ended.
        environment(Tool::new("wineserver"), &made).arg("-w").ok();
        add_what_wine_lacks(&made);
        // Another test executable may have been quicker: its template is as good.
        let _ = fs::rename(made, &template);
    }
    template
}

/// Wine 8 has no bcryptprimitives.dll, from which Rust's standard library takes its random numbers.
fn add_what_wine_lacks(prefix: &Path) {
    let library = prefix.join("drive_c/windows/system32/bcryptprimitives.dll");
    if !library.exists() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("windows/bcryptprimitives.c");
        let compiler = Tool::new("x86_64-w64-mingw32-gcc").args(["-shared", "-Os", "-s", "-o"]).arg(&library);
        compiler.arg(source).arg("-ladvapi32").ok();
    }
}

/// Copies a tree. The system's own files are linked: nobody writes to those in place.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, target, kind) = (entry.path(), to.join(entry.file_name()), entry.file_type()?);
        if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&path)?, target)?;
        } else if kind.is_dir() {
            copy(&path, &target)?;
        } else if path.extension().is_some_and(|e| e == "reg") || fs::hard_link(&path, &target).is_err() {
            fs::copy(path, target)?;
        }
    }
    Ok(())
}
