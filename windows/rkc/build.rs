//! The version resource of the DLL, and the texts of its events.

use ccg_classes::RKC;

fn main() -> std::io::Result<()> {
    windows_resources::Program { file: RKC.dll, description: RKC.title, events: RKC.events }.embed()
}
