//! The whole addresses of inputs that lie elsewhere. What a job's readers see leaves out passwords and signatures; the
//! workers find them in a record of their own, which goes when the job has ended well
//! (docs/decisions/0027-secrets-stay-in-one-record.md).

use medley_net::Address;
use medley_proto::{ErrorCode, Input, Job, Sha256, Source};
use medley_step::StepError;
use serde::{Deserialize, Serialize};

use super::{documents, keys::JobKeys};
use crate::{Error, fetch::file_uri, store::Store};

/// Tells two addresses apart that look the same without their secrets, and is too short to guess a password by.
const MARK_DIGITS: usize = 4;

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct AddressRecord {
    v: u16,
    /// None when it was forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    mark: String,
}

fn mark(address: &Address) -> String {
    Sha256::of(address.reveal().as_bytes()).to_string().chars().take(MARK_DIGITS).collect()
}

/// The inputs of a job whose addresses were not all written into it, by their numbers.
pub(crate) type Hidden = Vec<(u32, Address)>;

/// Written before `job.json`, so that no worker finds the one without the other.
pub(crate) async fn write(store: &dyn Store, keys: &JobKeys, hidden: &[(u32, Address)]) -> Result<(), Error> {
    for (number, address) in hidden {
        let record =
            AddressRecord { v: medley_proto::VERSION, address: Some(address.reveal().into()), mark: mark(address) };
        documents::write_once(store, &keys.address(*number), record).await?;
    }
    Ok(())
}

/// Whether the job that stands was asked for with these addresses.
pub(crate) async fn are_those(
    store: &dyn Store,
    keys: &JobKeys,
    job: &Job,
    asked: &[(u32, Address)],
) -> Result<bool, Error> {
    for number in numbers(job) {
        let asked = asked.iter().find(|(of, _)| *of == number).map(|(_, address)| address);
        let stands = documents::read::<AddressRecord>(store, &keys.address(number)).await?;
        let same = match (asked, stands) {
            (None, None) => true,
            (Some(asked), Some(AddressRecord { address: Some(stands), .. })) => asked.reveal() == stands,
            (Some(asked), Some(AddressRecord { mark: stands, .. })) => mark(asked) == stands,
            _ => false,
        };
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The whole address of a job's input.
pub(crate) async fn read(store: &dyn Store, keys: &JobKeys, number: u32, input: &Input) -> Result<Address, Error> {
    let Source::Uri(shown) = &input.source else {
        return Err(StepError::internal(format!("{} lies in the store and has no address", input.name)).into());
    };
    match documents::read::<AddressRecord>(store, &keys.address(number)).await? {
        None => Ok(Address::new(shown.clone())),
        Some(AddressRecord { address: Some(address), .. }) => Ok(Address::new(address)),
        Some(_) => {
            let message = format!("{}: its address is not kept any more; submit it again", input.name);
            Err(StepError::permanent(ErrorCode::INPUT_NOT_FOUND, message).into())
        }
    }
}

/// Forgets passwords and signatures in the addresses of a job's inputs.
pub(crate) async fn forget(store: &dyn Store, keys: &JobKeys, job: &Job) -> Result<(), Error> {
    for number in numbers(job) {
        let key = keys.address(number);
        if let Some(record) = documents::read::<AddressRecord>(store, &key).await?
            && record.address.is_some()
        {
            documents::write(store, &key, &AddressRecord { address: None, ..record }).await?;
        }
    }
    Ok(())
}

/// The inputs that lie elsewhere.
fn numbers(job: &Job) -> impl Iterator<Item = u32> {
    let elsewhere = |input: &Input| matches!(&input.source, Source::Uri(uri) if file_uri::path_of(uri).is_none());
    (0_u32..).zip(&job.inputs).filter(move |(_, input)| elsewhere(input)).map(|(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_tells_addresses_apart_and_little_more() {
        let marks = ["https://h/a?x=1", "https://h/a?x=2"].map(|uri| mark(&Address::new(uri)));
        assert_ne!(marks[0], marks[1]);
        assert_eq!(marks[0].len(), MARK_DIGITS);
    }
}
