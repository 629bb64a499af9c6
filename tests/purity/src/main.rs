//! Links the core into a program that brings its own panic handler. If the core or anything it depends on links std, there
//! are two, and the compiler says so (E0152). `cargo check` is enough; it is never run.

#![no_std]
#![no_main]

use core::alloc::{GlobalAlloc, Layout};
use core::panic::PanicInfo;
use core::ptr::null_mut;

/// Has nothing to give: the program never runs.
struct Nothing;

// SAFETY: returning null is what an allocator does that has no memory left.
unsafe impl GlobalAlloc for Nothing {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        null_mut()
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ALLOCATOR: Nothing = Nothing;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}

/// Names the core, so that it is linked.
pub fn config() -> sanket::Config {
    sanket::Config::default()
}
