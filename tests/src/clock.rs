//! A machine whose clock is wrong: a process is started with a library before the system's own that shifts what the clock
//! says. It needs a C compiler, which linking needs anyway, and a binary that uses the system's C library.

use std::path::PathBuf;
use std::process::Command;

use crate::scratch::Scratch;

/// Asks the kernel, and adds what the environment says.
const SHIFTED: &str = r#"
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
    long answer = syscall(SYS_clock_gettime, clock, now);
    const char *shift = getenv("TEST_CLOCK_SHIFT");
    if (answer == 0 && clock == CLOCK_REALTIME && shift) now->tv_sec += atol(shift);
    return (int)answer;
}
"#;

/// Makes processes whose clock is wrong.
pub struct WrongClock {
    library: PathBuf,
    _scratch: Scratch,
}

impl WrongClock {
    /// Builds the library.
    ///
    /// # Panics
    /// When there is no C compiler.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it runs a compiler")]
    pub fn new() -> Self {
        let scratch = Scratch::new();
        let (source, library) = (scratch.join("clock.c"), scratch.join("clock.so"));
        std::fs::write(&source, SHIFTED).expect("a source file");
        let mut compiler = Command::new("cc");
        let built = compiler.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).status().expect("`cc` runs");
        assert!(built.success(), "the library was not built");
        Self { library, _scratch: scratch }
    }

    /// The command that starts another whose clock is ahead by so many seconds, or behind.
    #[must_use]
    pub fn ahead_by(&self, seconds: i64) -> [String; 3] {
        let library = format!("LD_PRELOAD={}", self.library.display());
        ["env".to_owned(), library, format!("TEST_CLOCK_SHIFT={seconds}")]
    }
}
