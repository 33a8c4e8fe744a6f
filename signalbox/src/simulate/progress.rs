//! How a run goes on: a bar on a terminal, a line every few seconds otherwise.

use super::{Class, Ledger};
use crate::output::{line, note};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

const BAR: Duration = Duration::from_millis(200);
const LINE: Duration = Duration::from_secs(5);

/// Shows it until it is dropped.
pub struct Progress {
    task: JoinHandle<()>,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// `count` 0: nobody knows how many there will be.
    pub fn show(ledger: Arc<Ledger>, what: &'static str, count: u64) -> Progress {
        if !std::io::stderr().is_terminal() {
            return Progress { task: tokio::spawn(lines(ledger, what)), bar: None };
        }
        let bar = if count == 0 { ProgressBar::new_spinner() } else { ProgressBar::new(count) };
        let template = if count == 0 { "{spinner} {msg}" } else { "{bar:24} {pos}/{len} {msg}" };
        // The template is fixed and right.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━╸ "));
        }
        let shown = bar.clone();
        let task = tokio::spawn(async move {
            let mut tick = tokio::time::interval(BAR);
            loop {
                tick.tick().await;
                shown.set_position(ledger.tally().over);
                shown.set_message(told(&ledger, what));
                shown.tick();
            }
        });
        Progress { task, bar: Some(bar) }
    }
}

impl Progress {
    /// Prints a line of its own, above the bar.
    pub fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => line(text),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.task.abort();
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

async fn lines(ledger: Arc<Ledger>, what: &'static str) {
    loop {
        tokio::time::sleep(LINE).await;
        note(&told(&ledger, what));
    }
}

/// One line: how far it is, and what was found.
pub fn told(ledger: &Ledger, what: &str) -> String {
    let tally = ledger.tally();
    let mut text = format!(
        "{} {what} over, {} under way, {} events, {} commands",
        tally.over,
        tally.started - tally.over,
        tally.stored,
        tally.commands
    );
    if tally.repeated > 0 {
        text.push_str(&format!(", {} sent again", tally.repeated));
    }
    let classes = [
        (Class::Lost, "lost"),
        (Class::Doubled, "doubled"),
        (Class::OutOfOrder, "out of order"),
        (Class::Late, "late"),
        (Class::Refused, "refused"),
    ];
    for (class, name) in classes.into_iter().filter(|(class, _)| tally.of(*class) > 0) {
        text.push_str(&format!(", {} {name}", tally.of(class)));
    }
    text
}
