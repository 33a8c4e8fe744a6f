//! A private rabbitmq-server with its own epmd, user, folders and cookie.

use super::ports;
use super::process::{Folder, Process, Signal};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::ops::Deref;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::time::Duration;

/// The wrapper in /usr/sbin runs only as root or rabbitmq.
const SERVER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
const START: Duration = Duration::from_secs(90);
const STOP: Duration = Duration::from_secs(20);

#[derive(Clone, Debug, Default)]
pub struct RabbitOptions {
    /// Lines for rabbitmq.conf.
    pub config: Vec<String>,
}

pub struct Rabbit {
    server: Option<Process>,
    _epmd: Process,
    options: RabbitOptions,
    port: u16,
    distribution_port: u16,
    epmd_port: u16,
    node: String,
    folder: Folder,
}

/// Exclusive use of the shared broker. It may be held across an await: a waiting test blocks only its own thread.
pub struct Shared {
    rabbit: MutexGuard<'static, Rabbit>,
}

impl Deref for Shared {
    type Target = Rabbit;

    fn deref(&self) -> &Rabbit {
        &self.rabbit
    }
}

impl Rabbit {
    /// Starts a broker, which takes seconds.
    pub fn start(options: RabbitOptions) -> Rabbit {
        assert!(
            Path::new(SERVER).exists(),
            "{SERVER} does not exist: install the package rabbitmq-server (3.10 or later)"
        );
        let folder = Folder::new("rabbit");
        let epmd_port = ports::free();
        let epmd = start_epmd(epmd_port, folder.path());
        let port = ports::free();
        let mut rabbit = Rabbit {
            server: None,
            _epmd: epmd,
            options,
            port,
            distribution_port: ports::free(),
            epmd_port,
            node: format!("signalbox-{port}@localhost"),
            folder,
        };
        rabbit.launch();
        rabbit
    }

    /// The broker that the tests of one test binary share, one at a time. A test must not restart it.
    pub fn shared() -> Shared {
        static SHARED: OnceLock<Mutex<Rabbit>> = OnceLock::new();
        let shared = SHARED.get_or_init(|| Mutex::new(Rabbit::start(RabbitOptions::default())));
        Shared { rabbit: shared.lock().unwrap_or_else(|e| e.into_inner()) }
    }

    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn dir(&self) -> &Path {
        self.folder.path()
    }

    pub fn kill9(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill9();
        }
    }

    /// Stops the broker with SIGTERM.
    pub fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.signal_one(Signal::Term);
            server.wait(STOP);
        }
    }

    /// Restarts the broker with the same data and port.
    pub fn restart(&mut self) {
        self.stop();
        self.launch();
    }

    /// Pauses the broker with SIGSTOP: connections stay open, nothing answers.
    pub fn stop_process(&self) {
        self.server.iter().for_each(|server| server.signal(Signal::Stop));
    }

    pub fn cont(&self) {
        self.server.iter().for_each(|server| server.signal(Signal::Cont));
    }

    /// Runs rabbitmqctl. It is slow, because it starts a second virtual machine.
    pub fn control(&self, arguments: &[&str]) -> String {
        let output = self.command("/usr/lib/rabbitmq/bin/rabbitmqctl").args(arguments).output();
        let output = output.expect("running rabbitmqctl");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "rabbitmqctl {arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    fn launch(&mut self) {
        let mut config = format!(
            "listeners.tcp.1 = 127.0.0.1:{}\nloopback_users.guest = true\nlog.console = true\nlog.file = false\n\
             disk_free_limit.absolute = 50MB\nvm_memory_high_watermark.absolute = 1GB\n",
            self.port
        );
        self.options.config.iter().for_each(|line| config.push_str(&format!("{line}\n")));
        std::fs::write(self.folder.path().join("rabbitmq.conf"), config).expect("writing rabbitmq.conf");
        let log = self.folder.path().join("rabbit.log");
        let mut server = Process::spawn("rabbitmq-server", &mut self.command(SERVER), &log);
        let port = self.port;
        server.wait_for("an AMQP greeting", START, || greets(port));
        self.server = Some(server);
    }

    fn command(&self, program: &str) -> Command {
        let dir = self.folder.path();
        let file = |name: &str| dir.join(name);
        let mut command = Command::new(program);
        command
            .current_dir(dir)
            .env("HOME", dir)
            .env("RABBITMQ_NODENAME", &self.node)
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", self.port.to_string())
            .env("RABBITMQ_DIST_PORT", self.distribution_port.to_string())
            .env("ERL_EPMD_PORT", self.epmd_port.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_MNESIA_BASE", file("mnesia"))
            .env("RABBITMQ_LOG_BASE", file("log"))
            .env("RABBITMQ_CONFIG_FILE", file("rabbitmq.conf"))
            .env("RABBITMQ_CONF_ENV_FILE", file("rabbitmq-env.conf"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", file("enabled_plugins"))
            .env("RABBITMQ_GENERATED_CONFIG_DIR", file("generated"))
            .env("RABBITMQ_PID_FILE", file("rabbit.pid"))
            .env("RABBITMQ_FEATURE_FLAGS_FILE", file("feature_flags"))
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}",
            );
        command
    }
}

/// Starts epmd in the foreground: the epmd that a node starts would detach itself and survive the test.
fn start_epmd(port: u16, dir: &Path) -> Process {
    let mut command = Command::new("epmd");
    command.args(["-port", &port.to_string(), "-address", "127.0.0.1"]).env("HOME", dir);
    let mut epmd = Process::spawn("epmd", &mut command, &dir.join("epmd.log"));
    epmd.wait_for("listening", START, || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
    epmd
}

/// Whether the broker answers a protocol header. Its port is open before it is ready.
fn greets(port: u16) -> bool {
    let greeting = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"AMQP\x00\x00\x09\x01")?;
        let mut kind = [0_u8; 1];
        stream.read_exact(&mut kind)?;
        Ok(kind[0] == 1)
    };
    greeting().unwrap_or(false)
}
