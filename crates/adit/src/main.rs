//! Adit, the binary: commands, configuration, telemetry and composition. Every other crate is a library; this one says
//! which parts run together and where they listen.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod access_records;
mod acme;
mod api_client;
mod assertion_keys;
mod certificate;
mod command;
mod command_error;
mod composition;
mod configuration;
mod data_folder;
mod demo;
mod fingerprint;
mod interruption;
mod lifetime;
mod listener;
#[cfg(feature = "otlp")]
mod otlp;
mod publication;
mod retention;
mod session_keys;
mod succession;
mod telemetry;

/// The gateway allocates and frees many small buffers on every core; the system allocator costs it several per cent. It is
/// built without huge pages, of which each is 2 MiB however little of it is used.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    // Kernels that give huge pages to everybody are asked not to; where they cannot be asked, more memory is used.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    command::run()
}
