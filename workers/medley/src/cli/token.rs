//! `medley token`: who may use the gateway. Works on the records that the gateway reads, beside it or before it runs.

use std::{collections::BTreeSet, process::ExitCode, time::Duration};

use medley_gateway::{NewToken, Scope, Token, TokenError, TokenId, TokenInfo, Tokens};
use medley_proto::{ErrorCode, Name};
use medley_runtime::Clock;
use serde_json::{Value, json};

use super::{Failed, block_on, outputs, printable::printable, usage};
use crate::{backends, config::Config};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
    /// Whose tokens they are [default: from medley.toml].
    #[arg(long, global = true, value_name = "NAME")]
    tenant: Option<Name>,
    /// Prints JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Makes a token and prints it, this once. From the first one on, every request to the gateway needs one.
    Create {
        /// What people know it by.
        name: String,
        /// What it allows: read, submit, or admin, which is everything.
        #[arg(long = "scope", value_delimiter = ',', default_values = ["read", "submit"], value_name = "SCOPE")]
        scopes: Vec<Scope>,
        /// It ends after so long: 12h, 90d [default: it does not end].
        #[arg(long, value_name = "TIME", value_parser = usage::span)]
        expires: Option<Duration>,
    },
    /// Lists the tokens without their secrets, the newest first.
    List,
    /// Gives a token another secret and prints it, this once.
    Rotate {
        id: TokenId,
        /// The secret before is good for so long more; at most 30d.
        #[arg(long, value_name = "TIME", default_value = "0s", value_parser = usage::span)]
        grace: Duration,
    },
    /// Ends a token: every gateway refuses it within 30 seconds, and streams that it opened end.
    Revoke { id: TokenId },
    /// Removes what is kept of tokens that were revoked more than an hour ago.
    Forget,
}

impl From<TokenError> for Failed {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Runtime(error) => error.into(),
            TokenError::NoSuchToken(_) => Self::job(ErrorCode::INPUT_NOT_FOUND, error.to_string()),
            TokenError::Revoked(_) | TokenError::Refused(_) => Self::usage(error.to_string()),
        }
    }
}

pub(super) fn main(args: Args, config: &Config) -> Result<ExitCode, Failed> {
    let Args { command, tenant, json } = args;
    let tenant = tenant.unwrap_or_else(|| config.tenant.clone());
    block_on(async {
        let store = backends::open_store(config).await?;
        let tokens = Tokens::new(backends::records(config, &store).await?, Clock::system());
        match command {
            Command::Create { name, scopes, expires } => {
                let scopes: BTreeSet<Scope> = scopes.into_iter().collect();
                issued(&tokens.create(&tenant, NewToken { name, scopes, expires_in: expires }).await?, json)
            }
            Command::List => list(&tokens.list(&tenant).await?, json),
            Command::Rotate { id, grace } => issued(&tokens.rotate(&tenant, &id, grace).await?, json),
            Command::Revoke { id } => {
                tokens.revoke(&tenant, &id).await?;
                outputs::print_line(&format!("{id} revoked"))
            }
            Command::Forget => {
                let count = tokens.forget_revoked(&tenant).await?;
                outputs::print_line(&format!("{} forgotten", usage::counted(count, "token", "tokens")))
            }
        }
    })
}

/// The token alone on standard output, so that it can be piped to where secrets are kept.
fn issued((token, info): &(Token, TokenInfo), as_json: bool) -> Result<ExitCode, Failed> {
    if as_json {
        let mut document = json!(info);
        document["token"] = Value::from(token.reveal());
        return outputs::print_json(&document);
    }
    eprintln!("token {}: keep it where secrets are kept, it is not shown again", info.id);
    outputs::print_line(token.reveal())
}

fn list(tokens: &[TokenInfo], as_json: bool) -> Result<ExitCode, Failed> {
    for token in tokens {
        if as_json {
            outputs::print_json_line(token)?;
        } else {
            outputs::print_line(&line(token))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn line(token: &TokenInfo) -> String {
    let scopes: Vec<&str> = token.scopes.iter().map(|scope| scope.as_str()).collect();
    let time = |ms: u64| humantime::format_rfc3339_seconds(std::time::UNIX_EPOCH + Duration::from_millis(ms));
    let until = match (token.revoked_ms, token.expires_ms) {
        (Some(ms), _) => format!("revoked {}", time(ms)),
        (None, Some(ms)) => format!("until {}", time(ms)),
        (None, None) => "no end".into(),
    };
    let name = printable(&token.name);
    format!("{}  {:<17}  made {}  {until:<28}  {name}", token.id, scopes.join(","), time(token.created_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_when_a_token_ends() {
        let token = TokenInfo {
            id: "0123456789abcdef".parse().unwrap(),
            name: "ci\u{1b}[2J".into(),
            scopes: [Scope::Read, Scope::Submit].into(),
            created_ms: 1_764_547_200_000,
            expires_ms: Some(1_764_633_600_000),
            rotating_until_ms: None,
            revoked_ms: None,
        };
        let said = line(&token);
        assert!(said.contains("read,submit") && said.contains("until 2025-12-02T00:00:00Z"), "{said}");
        assert!(!said.contains('\u{1b}'), "a name is text");
        assert!(line(&TokenInfo { revoked_ms: Some(0), ..token }).contains("revoked 1970-01-01T00:00:00Z"));
    }
}
