//! The command line. Scripts rely on it: flags are added, never changed.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

/// Microsoft Entra ID sign-in in front of an MCP server, without a window.
#[derive(Debug, Parser)]
#[command(name = "just-mcp-oauth-proxyd", version, about)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server until SIGTERM or Ctrl-C.
    Serve(Serve),
    /// Look at the app registration as a sign-in would find it, and at the public URL, if there is one, from outside; nothing is changed. Exits with 1 if something is wrong, or if
    /// `--sign-in` was not finished.
    Check(Check),
    /// Print what makes an app registration with these settings, or make one after signing in at Microsoft. Exits with 1 if none
    /// was made and nothing is left of it, and with 3 if something is or may be left at Microsoft, which it names.
    Registration(Registration),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) serve: Serve,
    /// Let somebody sign in once to see the rest: prints a link to open in a browser on this computer and waits for up to 10
    /// minutes; nothing of the sign-in is kept. With a registration at Entra the server must not be running: this takes its address
    /// meanwhile
    #[arg(long)]
    pub(crate) sign_in: bool,
    /// Print JSON for scripts; a link is printed on stderr then
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["form", "create"])))]
pub(crate) struct Registration {
    #[command(flatten)]
    pub(crate) serve: Serve,
    /// Print a script or a template
    #[arg(long = "as", value_enum)]
    pub(crate) form: Option<Form>,
    /// Make it: shows a link and a code, then every call, and asks, which a script answers with `y` on the standard input; the values go
    /// into the settings. Stopped by Ctrl-C or SIGTERM, it removes what it made; Ctrl-C again, and it leaves at once and says what may be left
    #[arg(long)]
    pub(crate) create: bool,
    /// What it is called
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Lets people of any organization sign in
    #[arg(long)]
    pub(crate) any_directory: bool,
}

/// The names are those of the answer's fields.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Form {
    Az,
    Manifest,
    Terraform,
    Bicep,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// Address of the MCP and OAuth server [default: 127.0.0.1:4242]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// The https URL under which clients on the internet reach this server
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Folder of everything that is kept [default: the platform's data folder]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Settings file [default: settings.toml in the platform's config folder, if it is there]
    #[arg(long, value_name = "FILE", env = "JMOP_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// `sqlite:FILE`, or `memory` for tests [default: proxy.db in the data folder]
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// Loopback address of the control console, or `off` [default: 127.0.0.1:4244]
    #[arg(long, value_name = "ADDRESS|off")]
    console: Option<String>,
    /// Sign in at the built-in practice tenant, on this loopback address [default: 127.0.0.1:4243]
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "")]
    practice: Option<String>,
    /// Let the practice tenant sign in this person without asking, for scripts
    #[arg(long, value_name = "PERSON")]
    practice_sign_in: Option<String>,
    /// Another sign-in host: a sovereign cloud, or any OpenID Connect server
    #[arg(long, value_name = "URL")]
    entra_authority: Option<String>,
    /// File of the master key; made on first run [default: master.key in the data folder]
    #[arg(long, value_name = "FILE", env = "JMOP_MASTER_KEY_FILE")]
    pub(crate) master_key_file: Option<PathBuf>,
    /// Form of the log on stderr; its level is set by `JMOP_LOG` (for example `info` or `authserver=debug`)
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log: LogFormat,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

impl Serve {
    /// What was given, as settings.
    pub(crate) fn given(&self) -> Vec<(&'static str, String, &'static str)> {
        let plain = [
            ("server.listen", &self.listen, "--listen"),
            ("server.public_url", &self.public_url, "--public-url"),
            ("storage.data_dir", &self.data_dir, "--data-dir"),
            ("storage.database_url", &self.database_url, "--database-url"),
            ("console.listen", &self.console, "--console"),
            ("practice.sign_in", &self.practice_sign_in, "--practice-sign-in"),
            ("entra.authority", &self.entra_authority, "--entra-authority"),
        ];
        let mut given: Vec<_> =
            plain.into_iter().filter_map(|(key, text, flag)| Some((key, text.clone()?, flag))).collect();
        if let Some(address) = &self.practice {
            given.push(("identity.practice", "on".to_owned(), "--practice"));
            if !address.is_empty() {
                given.push(("practice.listen", address.clone(), "--practice"));
            }
        }
        given
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn practice_takes_an_address_or_none() {
        let parse = |line: &str| {
            let Command::Serve(serve) = Arguments::parse_from(line.split(' ')).command else {
                panic!("{line} does not serve");
            };
            serve.given()
        };
        assert_eq!(parse("x serve --practice"), [("identity.practice", "on".to_owned(), "--practice")]);
        let with_address = parse("x serve --practice 127.0.0.1:0 --practice-sign-in ada");
        assert!(with_address.contains(&("practice.listen", "127.0.0.1:0".to_owned(), "--practice")));
        assert!(parse("x serve").is_empty());
    }
}
