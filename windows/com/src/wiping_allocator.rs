//! Memory is overwritten as it is freed, all of it: buffers of TLS and HTTP hold the password too, and do not wipe themselves.

use std::alloc::{GlobalAlloc, Layout, System};

struct Wiping;

#[global_allocator]
static ALLOCATOR: Wiping = Wiping;

// SAFETY: all memory is the system allocator's, given back with the layout that it was asked for with.
unsafe impl GlobalAlloc for Wiping {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as for this function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as for this function.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        wipe(memory, layout.size());
        // SAFETY: as for this function.
        unsafe { System.dealloc(memory, layout) }
    }

    // `realloc` is the default one: allocate, copy, and free by the function above.
}

fn wipe(memory: *mut u8, length: usize) {
    // SAFETY: the memory is about to be freed, so it is there and nobody else uses it.
    unsafe { std::ptr::write_bytes(memory, 0, length) };
    // Nobody reads it any more, and it must be written all the same.
    std::sync::atomic::compiler_fence(std::sync::atomic::Ordering::SeqCst);
    std::hint::black_box(memory);
}
