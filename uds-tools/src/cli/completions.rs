//! The arguments of `uds completions`.

use clap::Args;
use clap_complete::Shell;

pub(super) const HELP: &str = "\
The script goes to standard output; put it where the shell looks
for such scripts.

Examples:
  uds completions bash > ~/.local/share/bash-completion/completions/uds
  uds completions zsh > ~/.zfunc/_uds
  uds completions fish > ~/.config/fish/completions/uds.fish";

#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}
