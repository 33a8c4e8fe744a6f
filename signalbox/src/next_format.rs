//! For tests of rolling upgrades: a process that speaks one more record format, as the next release will.

/// Not a setting: what such a process stores, no release reads.
pub const VARIABLE: &str = "SIGNALBOX_TEST_NEXT_FORMAT";

pub fn speak_if_asked() {
    if std::env::var(VARIABLE).is_ok_and(|value| value == "for tests only") {
        common::record::speak_next_format();
        eprintln!("warning: {VARIABLE} is set: this process may store records that no release reads");
    }
}
