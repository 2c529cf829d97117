//! For build scripts: what Explorer's "Details" says about a Windows program, and the texts that Event Viewer shows for its events.
//!
//! Both are resources, which a resource compiler (mingw's `windres` or Microsoft's `rc`) turns into something that the linker takes.
//! Microsoft, "VERSIONINFO resource", "MESSAGETABLEENTRY", "MESSAGE_RESOURCE_DATA".
#![allow(clippy::print_stdout, reason = "a build script talks to cargo that way")]

mod messages;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs, io};

/// One event of a program: its number and its sentence, in which `%1` stands for the first text that comes with it.
pub type Event = (u32, &'static str);

/// A program or DLL.
#[derive(Clone, Copy, Debug)]
pub struct Program<'a> {
    /// Its file, such as `CCGRKC.dll`.
    pub file: &'a str,
    /// What it is, in a few words.
    pub description: &'a str,
    /// Its events, in the order of their numbers.
    pub events: &'a [Event],
}

impl Program<'_> {
    /// Called by a build script: gives the program its resources when it is built for Windows, and does nothing elsewhere.
    ///
    /// # Errors
    /// When files cannot be written, or there is no resource compiler.
    pub fn embed(&self) -> io::Result<()> {
        println!("cargo::rerun-if-changed=build.rs");
        if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("windows") {
            return Ok(());
        }
        let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
        let mut script = self.version_info();
        if !self.events.is_empty() {
            fs::write(out.join("messages.bin"), messages::table(self.events))?;
            // RT_MESSAGETABLE is type 11. Backslashes would be escapes.
            let table = out.join("messages.bin").display().to_string().replace('\\', "/");
            let _ = writeln!(script, "1 11 \"{table}\"");
        }
        let path = out.join("program.rc");
        fs::write(&path, script)?;
        embed_resource::compile(&path, embed_resource::NONE).manifest_required().map_err(io::Error::other)
    }

    fn version_info(&self) -> String {
        let version = env::var("CARGO_PKG_VERSION").unwrap_or_default();
        let numbers = version.split(['.', '-', '+']).take(3).collect::<Vec<_>>().join(",");
        let kind = if self.file.ends_with(".dll") { 2 } else { 1 };
        let texts = [
            ("CompanyName", "Pando"),
            ("FileDescription", self.description),
            ("FileVersion", &version),
            ("InternalName", self.file),
            ("LegalCopyright", "Apache License 2.0"),
            ("OriginalFilename", self.file),
            ("ProductName", "Pando"),
            ("ProductVersion", &version),
        ];
        let texts: String = texts.iter().map(|(name, text)| format!("VALUE \"{name}\", \"{text}\\0\"\n")).collect();
        format!(
            "1 VERSIONINFO\nFILEVERSION {numbers},0\nPRODUCTVERSION {numbers},0\nFILEOS 0x40004\nFILETYPE {kind}\nBEGIN\n\
             BLOCK \"StringFileInfo\"\nBEGIN\nBLOCK \"040904b0\"\nBEGIN\n{texts}END\nEND\n\
             BLOCK \"VarFileInfo\"\nBEGIN\nVALUE \"Translation\", 0x409, 1200\nEND\nEND\n"
        )
    }
}
