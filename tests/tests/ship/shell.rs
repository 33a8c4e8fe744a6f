//! Runs the shell blocks of one page in order, as a reader would, in a temporary folder.
//!
//! The page uses the default addresses. They are replaced by free ports: 127.0.0.1:8080 and :9464 of Signalbox, :6379 and
//! :5672 of private servers, which are started if the page uses them. After a line that ends in `&` the script waits until
//! the started process is ready.

use crate::blocks::Block;
use crate::repository;
use std::fmt::Write;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;
use tests::chaos::site::binary;
use tests::support::process::Folder;
use tests::support::{Process, Rabbit, RabbitOptions, Redis, RedisOptions, ports};

const LIMIT: Duration = Duration::from_secs(180);

/// A failing command ends the page. `__ready` waits for the process that was started last. The script pauses between
/// commands, as people do.
const PREAMBLE: &str = r#"
set -Eeuo pipefail
trap 'status=$?; echo "exit $status from: $BASH_COMMAND"' ERR
__ready() {
  for _ in $(seq 300); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$__OPS"; printf 'GET /readyz HTTP/1.0\r\n\r\n' >&3; head -n1 <&3 | grep -q ' 200 ') 2>/dev/null
    then return 0; fi
    sleep 0.1
  done
  echo "nothing is ready at 127.0.0.1:$__OPS"; return 1
}
trap '[ "${BASH_SUBSHELL}" != 0 ] || sleep 0.15' DEBUG
"#;

/// Runs the blocks that are not skipped.
///
/// # Errors
/// The output of the shell if a command fails.
pub fn run(page: &str, blocks: &[Block]) -> Result<(), String> {
    let folder = Folder::new("docs");
    for name in ["docs", "deploy", "config", "api", "README.md"] {
        symlink(repository(name), folder.path().join(name)).unwrap();
    }
    let programs = folder.path().join("bin");
    std::fs::create_dir(&programs).unwrap();
    symlink(binary().unwrap(), programs.join("signalbox")).unwrap();

    let commands: String = blocks.iter().filter(|b| b.skipped.is_none()).map(|b| b.text.as_str()).collect();
    let redis = commands
        .contains(":6379")
        .then(|| Redis::start(RedisOptions { appendonly: true, fsync: "always", ..RedisOptions::default() }));
    let rabbit = commands.contains(":5672").then(|| Rabbit::start(RabbitOptions::default()));
    let [api, ops] = [ports::free(), ports::free()];
    let moved = [
        (8080, api),
        (9464, ops),
        (6379, redis.as_ref().map_or(6379, Redis::port)),
        (5672, rabbit.as_ref().map_or(5672, Rabbit::port)),
    ];
    let with_ports = |text: String| {
        moved.iter().fold(text, |text, (default, given)| {
            text.replace(&format!("127.0.0.1:{default}"), &format!("127.0.0.1:{given}"))
        })
    };
    // The sample gateway contains the default address too.
    let samples = folder.path().join("samples");
    std::fs::create_dir(&samples).unwrap();
    for sample in std::fs::read_dir(repository("samples")).unwrap().map(|sample| sample.unwrap()) {
        let text = with_ports(std::fs::read_to_string(sample.path()).unwrap());
        std::fs::write(samples.join(sample.file_name()), text).unwrap();
    }
    let script = with_ports(script(page, blocks));
    let file = folder.path().join("page.bash");
    std::fs::write(&file, script).unwrap();

    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("bash");
    command.arg(&file).current_dir(folder.path()).env("PATH", path).env("HOME", folder.path());
    command.env("SIGNALBOX_API__LISTEN", format!("127.0.0.1:{api}"));
    command.env("SIGNALBOX_OPS__LISTEN", format!("127.0.0.1:{ops}")).env("__OPS", ops.to_string());
    let mut shell = Process::spawn("bash", &mut command, &folder.path().join("page.log"));
    match shell.wait(LIMIT) {
        Some(status) if status.success() => Ok(()),
        ended => Err(format!("{page}: {ended:?}\n{}", shell.log())),
    }
}

fn script(page: &str, blocks: &[Block]) -> String {
    let mut script = PREAMBLE.to_owned();
    for block in blocks {
        if let Some(why) = &block.skipped {
            let _ = writeln!(script, "echo '== {page}:{} is not run: {}'", block.line, why.replace('\'', ""));
            continue;
        }
        let _ = writeln!(script, "echo '== {page}:{}'", block.line);
        for line in block.text.lines() {
            let _ = writeln!(script, "{line}");
            let code = line.split(" #").next().unwrap_or_default().trim_end();
            if code.ends_with(" &") {
                script.push_str("__ready\n");
            }
        }
    }
    script
}

#[test]
fn a_command_that_fails_is_reported_with_its_line() {
    let block = |text: &str| Block { line: 7, text: text.to_owned(), skipped: None };
    let skipped = Block { skipped: Some("no reason".to_owned()), ..block("false\n") };
    assert_eq!(run("page", &[block("true\ntest -d samples\n"), skipped]), Ok(()));
    let output = run("page", &[block("x=1\ntest $x = 2 | cat\necho behind\n")]).unwrap_err();
    assert!(output.contains("== page:7") && output.contains("exit 1 from: "), "{output}");
    assert!(!output.contains("behind"), "{output}");
}
