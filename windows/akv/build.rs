//! The version resource of the DLL, and the texts of its events.

use ccg_classes::AKV;

fn main() -> std::io::Result<()> {
    windows_resources::Program { file: AKV.dll, description: AKV.title, events: AKV.events }.embed()
}
