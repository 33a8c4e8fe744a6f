//! A site: a private Redis, a private RabbitMQ, and the real binary configured for both.

use super::fleet::Fleet;
use crate::support::process::{Folder, Process, output_of};
use crate::support::{Rabbit, RabbitOptions, Redis, RedisOptions};
use anyhow::{Context, ensure};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::Duration;

pub struct Site {
    pub redis: Redis,
    pub rabbit: Rabbit,
    pub env: Vec<(String, String)>,
    folder: Folder,
}

impl Site {
    /// Starts both servers (Redis confirms only what is on disk) and migrates. `settings` are `SIGNALBOX_…` variables.
    ///
    /// # Errors
    /// The binary cannot be built, or `migrate` fails.
    pub fn open(settings: &[(&str, &str)]) -> anyhow::Result<Site> {
        binary()?;
        let redis =
            Redis::start(RedisOptions { appendonly: true, fsync: "always", ..RedisOptions::default() });
        let rabbit = Rabbit::start(RabbitOptions::default());
        let mut env = vec![
            ("SIGNALBOX_REDIS__URL".to_owned(), redis.url()),
            ("SIGNALBOX_AMQP__URL".to_owned(), rabbit.url()),
        ];
        env.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let site = Site { redis, rabbit, env, folder: Folder::new("site") };
        site.run(&["migrate"])?;
        Ok(site)
    }

    /// Runs one command of the binary to its end and gives what it printed.
    ///
    /// # Errors
    /// The command fails; the error contains its output.
    pub fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.try_run(arguments)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        ensure!(
            output.status.success(),
            "signalbox {arguments:?}: {}\n{}",
            output.status,
            text(&output.stderr)
        );
        Ok(text(&output.stdout))
    }

    /// Like [`Site::run`], whatever its exit code.
    ///
    /// # Errors
    /// The process cannot be started.
    pub fn try_run(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        let mut command = Command::new(binary()?);
        command.args(arguments).envs(self.env.iter().cloned()).env("SIGNALBOX_OPS__LISTEN", "");
        output_of(&mut command).context("running signalbox")
    }

    /// Starts roles, one process for each mention, and waits until they say that they are ready.
    ///
    /// # Errors
    /// A process does not become ready.
    pub fn start(&self, roles: &[&str]) -> anyhow::Result<Fleet> {
        let mut fleet = Fleet::start(binary()?, roles, &self.env, self.folder.path());
        fleet.wait_until_ready();
        Ok(fleet)
    }

    pub async fn restart_store(&mut self, pause: Duration) {
        self.redis.kill9();
        tokio::time::sleep(pause).await;
        tokio::task::block_in_place(|| self.redis.restart());
    }

    pub async fn restart_broker(&mut self, pause: Duration) {
        self.rabbit.kill9();
        tokio::time::sleep(pause).await;
        tokio::task::block_in_place(|| self.rabbit.restart());
    }

    /// Restarts the broker politely, once, after the last queue was declared. RabbitMQ 3.10 writes the registry of its
    /// quorum queues (`names.dets`) up to three minutes later: killed before that, it forgets a young queue's log.
    pub fn settle_queues(&mut self) {
        self.rabbit.restart();
    }

    /// Folder of the logs; removed with the site.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A program beside the engine, with its output in the site's folder.
    pub fn spawn(&self, name: &str, command: &mut Command) -> Process {
        Process::spawn(name, command, &self.folder.path().join(format!("{name}.log")))
    }

    /// Logs of all processes of this site.
    pub fn logs(&self) -> Vec<(String, String)> {
        let files = std::fs::read_dir(self.folder.path()).into_iter().flatten().flatten();
        let read = |path: PathBuf| Some((path.display().to_string(), std::fs::read_to_string(path).ok()?));
        files.filter_map(|file| read(file.path())).collect()
    }
}

/// The `signalbox` that belongs to this test: built now, with the test's own profile, unless `SIGNALBOX_BIN` names one.
///
/// # Errors
/// The binary cannot be built.
pub fn binary() -> anyhow::Result<&'static Path> {
    static BINARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = BINARY.get_or_init(|| match std::env::var_os("SIGNALBOX_BIN") {
        Some(path) => Ok(path.into()),
        None => build().map_err(|error| format!("{error:#}")),
    });
    built.as_deref().map_err(|error| anyhow::anyhow!(error.clone()))
}

fn build() -> anyhow::Result<PathBuf> {
    let test = std::env::current_exe()?;
    let folder = test.parent().and_then(Path::parent).context("a test is in target/<profile>/deps")?;
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(other) => other,
    };
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "-p", "signalbox", "--profile", profile]);
    command
        .arg("--target-dir")
        .arg(folder.parent().context("target")?)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    ensure!(command.status()?.success(), "`cargo build -p signalbox --profile {profile}` failed");
    Ok(folder.join("signalbox"))
}
