//! The version resource of the DLL, and the texts of its events.

fn main() -> std::io::Result<()> {
    windows_resources::Program { file: "CCGAKVPlugin.dll", description: "CCG plugin for Azure Key Vault", events: &[] }
        .embed()
}
