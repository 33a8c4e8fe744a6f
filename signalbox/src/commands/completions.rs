//! `signalbox completions SHELL`.

use crate::failure::Failure;
use crate::output::line;
use clap::Args;
use clap_complete::Shell;

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  signalbox completions bash > /etc/bash_completion.d/signalbox")]
pub struct CompletionsArgs {
    shell: Shell,
}

#[expect(clippy::unnecessary_wraps, reason = "every command has the same result type")]
pub fn run(args: &CompletionsArgs, mut cli: clap::Command) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut cli, "signalbox", &mut script);
    line(String::from_utf8_lossy(&script).trim_end());
    Ok(())
}
