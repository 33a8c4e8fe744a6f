//! Progress of a run: a bar on a terminal, a line every few seconds otherwise.

use crate::output::{line, stderr_line};
use carrier::{Class, Ledger};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

const BAR: Duration = Duration::from_millis(200);
const LINE: Duration = Duration::from_secs(5);

/// Shows the progress until it is dropped.
pub struct Progress {
    task: JoinHandle<()>,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// `count` 0: the total number is unknown.
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
                shown.set_position(ledger.counters().over);
                shown.set_message(summary(&ledger, what));
                shown.tick();
            }
        });
        Progress { task, bar: Some(bar) }
    }

    /// Prints a line above the bar.
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
        stderr_line(&summary(&ledger, what));
    }
}

/// One line: progress and findings.
fn summary(ledger: &Ledger, what: &str) -> String {
    let counters = ledger.counters();
    let mut text = format!(
        "{} {what} over, {} active, {} events, {} commands",
        counters.over,
        counters.started - counters.over,
        counters.stored,
        counters.commands
    );
    if counters.repeated > 0 {
        text.push_str(&format!(", {} sent again", counters.repeated));
    }
    let classes = [
        (Class::Lost, "lost"),
        (Class::Doubled, "doubled"),
        (Class::OutOfOrder, "out of order"),
        (Class::Late, "late"),
        (Class::Refused, "refused"),
    ];
    for (class, name) in classes.into_iter().filter(|(class, _)| counters.of(*class) > 0) {
        text.push_str(&format!(", {} {name}", counters.of(class)));
    }
    text
}
