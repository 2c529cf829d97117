//! The plugins' DLLs, called by another program as Windows calls them.

use pando_tests::Wine;

#[test]
fn the_host_starts() {
    let computer = Wine::start();
    computer.program("ccg-host.exe").ok();
}
