//! `pando domain provision`.

use super::{Failed, password_of};
use crate::cli::Provision;
use crate::{progress, terminal};
use directory::{Environment, provision};

pub fn provision(args: &Provision) -> Result<(), Failed> {
    let _progress = progress::start(format!("creating the domain {}", args.domain));
    let first_label = args.domain.split('.').next().unwrap_or_default();
    let wanted = provision::Provision {
        domain: args.domain.clone(),
        netbios: args.netbios.clone().unwrap_or_else(|| first_label.to_ascii_uppercase()),
        dc_name: args.dc_name.clone(),
        admin_password: password_of(&args.admin_password_file)?,
        loopback: args.loopback,
        kds_root_key: args.kds_root_key,
    };
    provision::provision(&args.data, &wanted, Environment::system())?;
    terminal::say(format_args!("{} is ready; start it with: pando dc run --data {}", args.domain, args.data.display()));
    Ok(())
}
