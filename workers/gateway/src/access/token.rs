//! What a token looks like: `mdl_<tenant>_<id>_<secret>_<checksum>`.
//!
//! The id is public: it is shown, logged and part of the record's name. The secret is 43 characters of base 62, 256 bits. The
//! checksum is the CRC-32 of everything before its underscore in six characters of base 62, as in other services' tokens: it
//! lets a scanner of repositories tell a token from noise, and refuses a mistyped one without a look into the records.

use std::fmt;

use medley_proto::{Name, Sha256};
use rand::Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const PREFIX: &str = "mdl_";
pub(super) const ID_CHARS: usize = 16;
pub(super) const SECRET_CHARS: usize = 43;
const CHECKSUM_CHARS: usize = 6;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE36: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// The longest text that can be a token.
const MAX_BYTES: usize = PREFIX.len() + Name::MAX_BYTES + ID_CHARS + SECRET_CHARS + CHECKSUM_CHARS + 3;

/// The public part of a token, which may be shown and logged.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^[0-9a-z]{16}$"))]
pub struct TokenId(String);

impl TokenId {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn random() -> Self {
        Self(characters(BASE36, ID_CHARS))
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<TokenId> for String {
    fn from(id: TokenId) -> Self {
        id.0
    }
}

/// What is no id of a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a token's id has 16 lower-case letters and digits; `medley token list` shows them")]
pub struct InvalidTokenId;

impl TryFrom<String> for TokenId {
    type Error = InvalidTokenId;

    fn try_from(text: String) -> Result<Self, InvalidTokenId> {
        let valid = text.len() == ID_CHARS && text.bytes().all(|byte| BASE36.contains(&byte));
        if valid { Ok(Self(text)) } else { Err(InvalidTokenId) }
    }
}

impl std::str::FromStr for TokenId {
    type Err = InvalidTokenId;

    fn from_str(text: &str) -> Result<Self, InvalidTokenId> {
        Self::try_from(text.to_owned())
    }
}

/// A whole token, as its holder sends it. Nothing prints it but [`reveal`](Self::reveal).
#[derive(Clone)]
pub struct Token {
    tenant: Name,
    id: TokenId,
    text: String,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({PREFIX}{}_{}_…)", self.tenant, self.id)
    }
}

/// Why a text is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoToken {
    /// It is something else.
    Form,
    /// It was a token before a character changed.
    Checksum,
}

impl Token {
    pub(crate) fn random(tenant: &Name) -> Self {
        Self::with_id(tenant, TokenId::random())
    }

    /// A new secret for a token.
    pub(crate) fn with_id(tenant: &Name, id: TokenId) -> Self {
        let body = format!("{PREFIX}{tenant}_{id}_{}", characters(BASE62, SECRET_CHARS));
        Self { tenant: tenant.clone(), id, text: format!("{body}_{}", checksum(&body)) }
    }

    /// # Errors
    /// When the text is none.
    pub(crate) fn parse(text: &str) -> Result<Self, NoToken> {
        if text.len() > MAX_BYTES {
            return Err(NoToken::Form);
        }
        let body = text.strip_prefix(PREFIX).ok_or(NoToken::Form)?;
        // From the right: a tenant's name may have underscores.
        let mut parts = body.rsplitn(4, '_');
        let (Some(sum), Some(secret), Some(id), Some(tenant)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NoToken::Form);
        };
        let tenant: Name = tenant.parse().map_err(|_| NoToken::Form)?;
        let id: TokenId = id.parse().map_err(|_| NoToken::Form)?;
        let is_base62 = |text: &str| text.bytes().all(|byte| BASE62.contains(&byte));
        if secret.len() != SECRET_CHARS || !is_base62(secret) || sum.len() != CHECKSUM_CHARS {
            return Err(NoToken::Form);
        }
        let before = &text[..text.len() - CHECKSUM_CHARS - 1];
        if sum != checksum(before) {
            return Err(NoToken::Checksum);
        }
        Ok(Self { tenant, id, text: text.to_owned() })
    }

    /// Whether a text is meant to be one.
    pub(crate) fn is_meant(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    pub(crate) fn tenant(&self) -> &Name {
        &self.tenant
    }

    pub(crate) fn id(&self) -> &TokenId {
        &self.id
    }

    /// What is kept of it: the secret has 256 random bits, so a fast hash gives nothing away.
    pub(crate) fn hash(&self) -> Sha256 {
        Sha256::of(self.text.as_bytes())
    }

    /// The whole token: for its holder only, once.
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

/// 256 random bits.
pub(super) fn secret_characters() -> String {
    characters(BASE62, SECRET_CHARS)
}

fn characters(of: &[u8], count: usize) -> String {
    // The thread's generator is a cryptographic one, seeded by the system.
    let mut random = rand::rng();
    (0..count).map(|_| char::from(of[random.random_range(0..of.len())])).collect()
}

fn checksum(text: &str) -> String {
    let mut left = crc32fast::hash(text.as_bytes());
    let mut digits = [b'0'; CHECKSUM_CHARS];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(left % 62) as usize];
        left /= 62;
    }
    digits.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_and_says_nothing() {
        for tenant in ["t", "acme_media-2", &"x".repeat(Name::MAX_BYTES)] {
            let tenant: Name = tenant.parse().unwrap();
            let token = Token::random(&tenant);
            let read = Token::parse(token.reveal()).unwrap();
            assert_eq!((read.tenant(), read.id(), read.hash()), (&tenant, token.id(), token.hash()));
            let secret = token.reveal().rsplit('_').nth(1).unwrap();
            assert_eq!(secret.len(), SECRET_CHARS);
            assert!(!format!("{token:?}").contains(secret));
        }
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let token = Token::random(&Name::from_static("acme"));
        let text = token.reveal();
        for n in PREFIX.len() + "acme_".len()..text.len() {
            let mut changed = text.to_owned().into_bytes();
            changed[n] = if changed[n] == b'7' { b'8' } else { b'7' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(Token::parse(&changed).is_err(), "{n}");
        }
        let mut swapped = text.to_owned().into_bytes();
        let last = text.len() - CHECKSUM_CHARS - 2;
        swapped[last] = if swapped[last] == b'a' { b'b' } else { b'a' };
        assert_eq!(Token::parse(&String::from_utf8(swapped).unwrap()).unwrap_err(), NoToken::Checksum);
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let none = [
            "",
            "mdl_",
            "mdl____",
            "sk-proj-1234",
            "Bearer mdl_a",
            &"mdl_".repeat(100),
            "mdl_ü_a_b_c",
            "eyJhbGciOiJub25lIn0.e30.",
        ];
        for text in none {
            assert_eq!(Token::parse(text).unwrap_err(), NoToken::Form, "{text:?}");
        }
        let token = Token::random(&Name::from_static("acme"));
        let other_tenant = token.reveal().replace("acme", "../x");
        assert_eq!(Token::parse(&other_tenant).unwrap_err(), NoToken::Form);
        assert_eq!(Token::parse(&token.reveal().replace("acme", "acmf")).unwrap_err(), NoToken::Checksum);
    }

    #[test]
    fn the_checksum_is_that_of_the_docs() {
        assert_eq!(checksum(""), "000000");
        // CRC-32 of "123456789" is cbf43926, 3421780262.
        let expected = 3_421_780_262_u32;
        let read = checksum("123456789")
            .bytes()
            .fold(0_u64, |sum, byte| sum * 62 + BASE62.iter().position(|digit| *digit == byte).unwrap() as u64);
        assert_eq!(read, u64::from(expected));
    }
}
