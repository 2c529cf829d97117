//! The version resource of the program.

fn main() -> std::io::Result<()> {
    windows_resources::Program { file: "ccg-host.exe", description: "Calls CCG plugins as Windows does", events: &[] }
        .embed()
}
