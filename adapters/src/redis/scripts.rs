//! The scripts, each a file with a header; loaded when the server does not know them.

use redis::Script;

pub struct Scripts {
    pub deliver: Script,
    pub claim: Script,
    pub commit: Script,
    pub finish: Script,
    pub release: Script,
    pub sweep: Script,
    pub control: Script,
    pub depth: Script,
    pub publish: Script,
    pub raise: Script,
}

/// With the shebang a script is refused before it starts when memory is full or the server is read only.
macro_rules! on_records {
    ($file:literal) => {
        Script::new(concat!(
            "#!lua\n",
            include_str!("lua/record.lua"),
            "\n",
            include_str!(concat!("lua/", $file))
        ))
    };
}

macro_rules! plain {
    ($file:literal) => {
        Script::new(concat!("#!lua\n", include_str!(concat!("lua/", $file))))
    };
}

impl Default for Scripts {
    fn default() -> Self {
        Scripts {
            deliver: on_records!("deliver.lua"),
            claim: on_records!("claim.lua"),
            commit: on_records!("commit.lua"),
            finish: on_records!("finish.lua"),
            release: on_records!("release.lua"),
            sweep: on_records!("sweep.lua"),
            control: on_records!("control.lua"),
            depth: on_records!("depth.lua"),
            publish: plain!("publish.lua"),
            raise: plain!("raise.lua"),
        }
    }
}
