//! A process in its own group, with its output in a file.
//!
//! A small shell guards each process: it reads a pipe from the test's process, and when that closes for any reason (a panic,
//! kill -9 of the test, a `static` that is never dropped), it kills the group and removes the folder.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Longest time for a command that is expected to end by itself.
const COMMAND_LIMIT: Duration = Duration::from_secs(300);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    Term,
    Kill,
    Stop,
    Cont,
    Int,
}

pub struct Process {
    name: String,
    child: Child,
    guard: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`, which must be installed, and appends its output to `log`.
    pub fn spawn(name: &str, command: &mut Command, log: &Path) -> Process {
        let output = File::options().create(true).append(true).open(log);
        let output = output.unwrap_or_else(|e| panic!("opening {}: {e}", log.display()));
        let errors = output.try_clone().expect("a second handle of the log");
        let program = command.get_program().to_owned();
        let child = command.stdin(Stdio::null()).stdout(output).stderr(errors).process_group(0).spawn();
        let child = child.unwrap_or_else(|e| {
            panic!("starting {name} ({}): {e}. Is it installed and on the PATH?", program.display())
        });
        let guard = guard(&format!("/bin/kill -KILL -- -{} 2>/dev/null", child.id()));
        Process { name: name.into(), child, guard, log: log.into() }
    }

    /// Starts a binary of the test's target folder, for example `signalbox`.
    pub fn spawn_binary<A: AsRef<OsStr>>(
        binary: &str,
        arguments: impl IntoIterator<Item = A>,
        environment: &[(&str, &str)],
        log: &Path,
    ) -> Process {
        let path = target_folder().join(binary);
        assert!(path.exists(), "{} does not exist: run `cargo build -p {binary}` first", path.display());
        let mut command = Command::new(path);
        command.args(arguments).envs(environment.iter().copied());
        Process::spawn(binary, &mut command, log)
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Sends a signal to the whole group.
    pub fn signal(&self, signal: Signal) {
        send(signal, &format!("-{}", self.child.id()));
    }

    /// Sends a signal to the process alone, as an operator's `kill` does.
    pub fn signal_one(&self, signal: Signal) {
        send(signal, &self.child.id().to_string());
    }

    /// Kills the group with kill -9 and waits for its end.
    pub fn kill9(&mut self) {
        self.signal(Signal::Kill);
        let _ = self.child.wait();
    }

    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for the end. Returns `None` if it still runs after `limit`.
    pub fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(10)),
                Ok(None) => return None,
                Err(e) => panic!("waiting for {}: {e}", self.name),
            }
        }
    }

    /// Waits for `condition`. Panics with the end of the log if it is not true in time.
    pub fn wait_for(&mut self, what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
        let deadline = Instant::now() + limit;
        while !condition() {
            let running = self.is_running();
            if !running || Instant::now() >= deadline {
                let log = self.log();
                let end = &log[log.ceil_char_boundary(log.len().saturating_sub(4_000))..];
                let state = if running { "still runs" } else { "has ended" };
                panic!(
                    "{}: {what} did not happen within {limit:?}; it {state}. Its log ends:\n{end}",
                    self.name
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill9();
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

/// Runs `command` to its end, with its output captured. Without a limit, one command that should have been refused would stop
/// the whole run.
///
/// # Errors
/// It cannot be started, or it still ran after five minutes and was killed; then the error has its output.
pub fn output_of(command: &mut Command) -> std::io::Result<Output> {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let id = child.id().to_string();
    let (ended, end) = channel::<()>();
    let watchdog = std::thread::spawn(move || {
        let is_late = end.recv_timeout(COMMAND_LIMIT) == Err(RecvTimeoutError::Timeout);
        if is_late {
            send(Signal::Kill, &id);
        }
        is_late
    });
    let output = child.wait_with_output();
    drop(ended);
    if !watchdog.join().unwrap_or_default() {
        return output;
    }
    let output = output?;
    let [printed, errors] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    let text = format!("{command:?} still ran after {COMMAND_LIMIT:?}. It printed:\n{printed}{errors}");
    Err(std::io::Error::new(std::io::ErrorKind::TimedOut, text))
}

/// A folder in the system's temporary folder that is removed even if the test's process is killed.
pub struct Folder {
    path: PathBuf,
    guard: Child,
}

impl Folder {
    pub fn new(purpose: &str) -> Folder {
        let path =
            std::env::temp_dir().join(format!("signalbox-{purpose}-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir_all(&path).unwrap_or_else(|e| panic!("creating {}: {e}", path.display()));
        // Servers that are killed at the same time may still write into it.
        let guard = guard(&format!("sleep 1; rm -rf '{0}'; sleep 2; rm -rf '{0}'", path.display()));
        Folder { path, guard }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
        let _ = self.guard.kill();
        let _ = self.guard.wait();
    }
}

/// Runs `action` when this process closes the pipe. It is in its own group, so that Ctrl-C does not reach it.
fn guard(action: &str) -> Child {
    Command::new("/bin/sh")
        .args(["-c", &format!("cat >/dev/null; {action}")])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("starting /bin/sh")
}

fn send(signal: Signal, target: &str) {
    let name = match signal {
        Signal::Term => "-TERM",
        Signal::Kill => "-KILL",
        Signal::Stop => "-STOP",
        Signal::Cont => "-CONT",
        Signal::Int => "-INT",
    };
    // It fails only if the process has already ended.
    let _ = Command::new("/bin/kill").args([name, "--", target]).stderr(Stdio::null()).status();
}

fn target_folder() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let folder = test.parent().expect("a file is in a folder");
    match folder.ends_with("deps") {
        true => folder.parent().expect("deps is in a folder").into(),
        false => folder.into(),
    }
}
