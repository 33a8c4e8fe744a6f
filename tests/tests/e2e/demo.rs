//! `signalbox demo`: it runs without setup, the commands that it suggests work, and it ends with a verdict.

use crate::standalone::{Standalone, TIMEOUT, text_of};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Instant;
use tests::chaos::site::binary;
use tests::support::process::output_of;

/// A running demo whose output is read line by line.
struct Demo {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Demo {
    fn start(standalone: &Standalone, arguments: &[&str]) -> Demo {
        let mut command = Command::new(binary().unwrap());
        command.arg("demo").args(arguments).current_dir(standalone.folder.path());
        command.env("SIGNALBOX_OPS__LISTEN", "127.0.0.1:0").envs(standalone.env.iter().cloned());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Demo { child, lines }
    }

    /// The lines up to and including the first one that contains `text`.
    fn until(&mut self, text: &str) -> Vec<String> {
        let mut read = Vec::new();
        for line in self.lines.by_ref() {
            read.push(line.unwrap());
            if read.last().is_some_and(|line| line.contains(text)) {
                return read;
            }
        }
        panic!("the demo ended without `{text}`:\n{}", read.join("\n"));
    }

    fn interrupt(&self) {
        let killed = Command::new("/bin/kill").args(["-INT", &self.child.id().to_string()]).status();
        assert!(killed.unwrap().success());
    }

    /// The rest of the output. Asserts that the demo ends with exit code 0.
    fn rest(mut self) -> String {
        let rest = self.lines.by_ref().map(|line| line.unwrap() + "\n").collect::<String>();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "the demo ended with {status}:\n{rest}");
        rest
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_demo_ends_by_itself_and_continues_with_the_same_data() {
    let standalone = Standalone::new(&[]);
    let arguments = ["--count", "25", "--rate", "10", "--speed", "20", "--seed", "7"];
    let began = Instant::now();
    let mut demo = Demo::start(&standalone, &arguments);
    let guide = demo.until("sample flows are deployed").join("\n");
    assert!(guide.contains(&format!("http://{}", standalone.api)), "{guide}");
    let key = std::fs::read_to_string(standalone.data().join("api-key")).unwrap();
    assert_eq!(guide.matches(key.trim()).count(), 1, "the key is shown once: {guide}");
    assert!(began.elapsed() < TIMEOUT);
    let rest = demo.rest();
    assert!(rest.contains("25 started, 25 over") && rest.contains("Nothing was lost"), "{rest}");
    assert!(rest.contains("(finished, ") && rest.contains("→ Support line: "), "{rest}");

    let mut again = Demo::start(&standalone, &arguments);
    again.until("are still deployed");
    assert!(again.rest().contains("Nothing was lost"));
}

#[test]
fn the_commands_that_the_demo_suggests_work_in_another_terminal_and_ctrl_c_ends_it() {
    let standalone = Standalone::new(&[]);
    let taken = TcpListener::bind(&standalone.api).unwrap();
    let mut demo = Demo::start(&standalone, &["--rate", "5", "--speed", "20", "--fresh"]);
    let guide = demo.until("people call");
    let text = guide.join("\n");
    assert!(text.contains("is used instead") && text.contains("removed at the end"), "{text}");
    let tries = guide.iter().skip_while(|line| !line.starts_with("Try in another terminal")).skip(1);
    let commands: Vec<&str> = tries.take_while(|line| !line.is_empty()).map(|line| line.as_str()).collect();
    let script: String =
        commands.iter().filter(|line| line.starts_with("  ")).map(|line| format!("{line}\n")).collect();
    assert!(script.lines().count() >= 6, "{text}");
    let mut shell = Command::new("/bin/sh");
    shell.args(["-eu", "-c", &script]).current_dir(standalone.folder.path());
    let output = output_of(shell.env("SIGNALBOX_OPS__LISTEN", "")).unwrap();
    assert!(output.status.success(), "{script}\n{}", text_of(&output));
    assert!(text_of(&output).contains("{\"result\":["), "curl shows activeflows: {}", text_of(&output));

    demo.interrupt();
    let rest = demo.rest();
    assert!(rest.contains("Nothing was lost") && !rest.contains("The data is kept"), "{rest}");
    drop(taken);
}

#[test]
fn a_data_folder_in_use_is_refused_with_a_sentence() {
    let standalone = Standalone::open(&[]);
    let message =
        standalone.refused(&["demo", "--count", "1"], &[("SIGNALBOX_API__LISTEN", "127.0.0.1:0")], 1);
    assert!(message.contains("data"), "{message}");
}
