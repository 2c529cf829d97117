//! A computer with Windows' interfaces for one test: a prefix of Wine's of its own, and the programs that were built for Windows in it.
//!
//! Wine is made ready once for each build folder, and copied for each test: what is large there is linked, not copied.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use tempfile::TempDir;

use crate::tool::whole;
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

    /// Lists the DLLs in `C:\pando` as a release does, with the tool that everybody has.
    pub fn sum(&self) {
        let folder = self.drive_c("pando");
        let sums = Tool::new("sh").args(["-c", "cd \"$0\" && sha256sum -- *.dll"]).arg(&folder).ok();
        fs::write(folder.join("SHA256SUMS"), sums.stdout).expect("the list can be written");
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
        let [output, errors] = [0, 1].map(|_| tempfile::tempfile().expect("a file can be made"));
        let mut command = tool.into_command();
        let shared = |file: &File| file.try_clone().expect("a file can be shared");
        command.stdin(Stdio::piped()).stdout(shared(&output)).stderr(shared(&errors));
        let mut process = command.spawn().expect("the program can be started");
        // Not a pipe, whose end nobody would see while what Wine has started for it lives on.
        while !whole(&output).contains(&b'\n') && process.try_wait().expect("it can be asked after").is_none() {
            std::thread::sleep(Duration::from_millis(10));
        }
        let said = String::from_utf8(whole(&output)).expect("it says text");
        Held { process, said, output, errors }
    }

    /// Keeps what programs do on between them: without this it forgets, some seconds after the last program, who may do what with a key.
    pub fn stay_on(&self) {
        self.environment(Tool::new("wineserver")).arg("-p").ok();
    }

    /// Builds a small program of the tests' own for it, from `tests/windows/<name>.c`, and puts it into `C:\pando`.
    pub fn build(&self, name: &str) {
        fs::create_dir_all(self.drive_c("pando")).expect("the folder can be made");
        compile(name, &[], &self.drive_c("pando").join(format!("{name}.exe")));
    }

    /// Switches it off, and gives its files that hold `text`, as UTF-8 or as UTF-16; its registry is among them. Those that came with it and
    /// that nobody has written are not looked at.
    pub fn files_with(&self, text: &str) -> Vec<PathBuf> {
        self.switch_off();
        let mut found = Vec::new();
        let mut folders = vec![self.prefix.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder can be read") {
                let path = entry.expect("a folder can be read").path();
                let metadata = fs::symlink_metadata(&path).expect("it is there");
                if metadata.is_dir() {
                    folders.push(path);
                } else if metadata.is_file() && metadata.nlink() == 1 {
                    let bytes = fs::read(&path).expect("a file can be read");
                    if occurrences(&bytes, text) > 0 {
                        found.push(path);
                    }
                }
            }
        }
        found
    }

    fn switch_off(&self) {
        self.environment(Tool::new("wineserver")).arg("-k").run();
        self.environment(Tool::new("wineserver")).arg("-w").run();
    }

    fn environment(&self, tool: Tool) -> Tool {
        environment(tool, self.prefix.path())
    }
}

/// How often `text` is there, as UTF-8 or as UTF-16.
fn occurrences(bytes: &[u8], text: &str) -> usize {
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let of = |needle: &[u8]| memchr::memmem::find_iter(bytes, needle).count();
    of(text.as_bytes()) + of(&wide)
}

impl Drop for Wine {
    fn drop(&mut self) {
        self.switch_off();
    }
}

/// A program that has said what it had to say, and waits to be let go.
pub struct Held {
    process: Child,
    said: String,
    output: File,
    errors: File,
}

impl Held {
    /// The line that it has printed.
    pub fn said(&self) -> &str {
        &self.said
    }

    /// In how many places of its memory `text` is, as UTF-8 or as UTF-16.
    pub fn memory_with(&self, text: &str) -> usize {
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
                found += occurrences(&bytes, text);
            }
        }
        found
    }

    /// Lets it go, and gives what it had printed on either stream.
    pub fn end(mut self) -> String {
        drop(self.process.stdin.take());
        self.process.wait().expect("it ends");
        String::from_utf8([whole(&self.output), whole(&self.errors)].concat()).expect("it says text")
    }
}

/// No display, no browser engine, no .NET, and none of Wine's own remarks.
fn environment(tool: Tool, prefix: &Path) -> Tool {
    tool.is_outlived()
        .env("WINEPREFIX", prefix)
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
        compile("bcryptprimitives", &["-shared"], &library);
    }
}

/// Builds `tests/windows/<name>.c` for Windows.
fn compile(name: &str, flags: &[&str], to: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("windows").join(format!("{name}.c"));
    let compiler = Tool::new("x86_64-w64-mingw32-gcc").args(flags).args(["-Os", "-s", "-o"]).arg(to);
    compiler.arg(source).arg("-ladvapi32").ok();
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
