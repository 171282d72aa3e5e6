//! Small C programs, compiled where and when a test needs them: what they do can't be said in safe Rust.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Scene;

impl Scene {
    /// Compiles a source file of the tests into a program of the scene; static, so that it runs anywhere.
    pub fn compile(&self, source: &str, program: impl AsRef<Path>, options: &[&str]) -> PathBuf {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
        let program = program.as_ref().to_owned();
        let cc = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let built = Command::new(&cc)
            .args(["-O1", "-static", "-pthread", "-Wall", "-o"])
            .arg(&program)
            .arg(&source)
            .args(options)
            .output()
            .unwrap_or_else(|e| panic!("a C compiler is needed ({}): {e}", cc.display()));
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        program
    }
}
