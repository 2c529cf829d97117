//! `pando gmsa explain` and `test`: whether somebody gets the password, and why not.

use std::process::ExitCode;

use client::gmsa;
use dtyp::{Sid, Token};

use super::membership::{Membership, Verdict};
use super::{READERS, account};
use crate::cli::{GmsaExplain, GmsaName};
use crate::commands::Failed;
use crate::commands::unix::administrator::{Administration, sid_of};
use crate::terminal;

/// Decides as the domain controller would, and says by which entry. Succeeds when the principal gets the password.
pub async fn run(args: &GmsaExplain) -> Result<ExitCode, Failed> {
    let mut administration = Administration::begin(&args.gmsa.administrator).await?;
    let managed = account(&mut administration, &args.gmsa.name, &["objectSid", READERS]).await?;
    let principal = administration.principal(&args.principal, &["objectSid"]).await?;
    let membership = Membership::parse(managed.first(READERS))?;
    let token = token(&mut administration, &principal.dn, sid_of(&principal)?).await?;
    let (who, what) = (&principal.dn, &managed.dn);
    match membership.explain(&token, &sid_of(&managed)?) {
        Verdict::Allowed(by) => {
            let by = administration.name_of(&by).await?;
            terminal::say(format_args!("{who} may retrieve the password of {what}: {by} is allowed to"));
            Ok(ExitCode::SUCCESS)
        }
        Verdict::Denied(by) => {
            let by = administration.name_of(&by).await?;
            terminal::say(format_args!(
                "{who} may not retrieve the password of {what}: an entry for {by} denies it, and stands before those that allow it"
            ));
            Ok(ExitCode::FAILURE)
        }
        Verdict::Unmentioned => {
            let readers = super::show::names(&mut administration, &membership).await?;
            terminal::say(format_args!(
                "{who} may not retrieve the password of {what}: it is allowed to {readers}, and {who} is none of these and in none of \
                 these groups. Let it in with: pando gmsa allow {} {} …",
                args.gmsa.name, args.principal
            ));
            Ok(ExitCode::FAILURE)
        }
    }
}

/// The principal and its groups as the domain controller counts them.
async fn token(administration: &mut Administration, dn: &str, sid: Sid) -> Result<Token, Failed> {
    let groups = administration.connection.read(dn, &["tokenGroups"]).await?;
    let groups = groups.iter().flat_map(|entry| entry.values("tokenGroups")).map(|sid| Sid::from_bytes(sid));
    let always = [Sid::EVERYONE, Sid::AUTHENTICATED_USERS];
    Ok(Token::new(sid, groups.collect::<Result<Vec<_>, _>>()?.into_iter().chain(always)))
}

/// Retrieves the password as the one who asks, and throws it away: like Test-ADServiceAccount.
pub async fn test(args: &GmsaName) -> Result<ExitCode, Failed> {
    let mut administration = Administration::begin(&args.administrator).await?;
    let base = administration.base.clone();
    match gmsa::retrieve(&mut administration.connection, &base, &args.name).await {
        Ok(retrieved) => {
            let hours = retrieved.password.query_interval.as_secs() / 3600;
            let name = &retrieved.sam_account_name;
            terminal::say(format_args!("{name} works: its password was retrieved; it changes in {hours} hours"));
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            let (name, user) = (&args.name, &args.administrator.user);
            terminal::say(format_args!("{name} does not work for {user}: {error}"));
            if matches!(error, gmsa::Error::NotAllowed { .. }) {
                terminal::say(format_args!("An administrator sees which: pando gmsa explain {name} {user} …"));
            }
            Ok(ExitCode::FAILURE)
        }
    }
}
