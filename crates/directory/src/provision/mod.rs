//! A new domain: its naming contexts, well-known containers, built-in groups and accounts.
//!
//! MS-ADTS 6.1.1 (naming contexts and what is in them), 6.1.1.4 (well-known objects), 6.1.3 (descriptors), MS-SAMR 3.1.1.6 (accounts).

mod content;
mod schema_objects;

use std::path::Path;
use std::sync::Arc;

use dtyp::{Guid, Sid, Token};
use ldap::Dn;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::{
    Attribute, Caller, CreateOptions, Directory, Environment, Error, Modification, ModificationKind, Update, gmsa,
};

/// What a new domain is to be.
#[derive(Clone, Debug)]
pub struct Provision {
    /// Its DNS name.
    pub domain: String,
    /// Its NetBIOS name.
    pub netbios: String,
    /// The host name of its first domain controller, without the domain.
    pub dc_name: String,
    /// The password of Administrator.
    pub admin_password: SecretString,
    /// Whether the domain controller also answers as `localhost`.
    pub loopback: bool,
    /// Whether a KDS root key is made that is effective at once.
    pub kds_root_key: bool,
}

/// Creates the first domain of a forest in a folder that has no directory yet.
///
/// # Errors
/// When a name is no name, the password does not meet the policy, or the folder cannot be written.
pub fn provision(folder: &Path, wanted: &Provision, environment: Environment) -> Result<Directory, Error> {
    provision_with(folder, wanted, CreateOptions::default(), environment)
}

/// The same with these options.
///
/// # Errors
/// As [`provision`].
pub fn provision_with(
    folder: &Path,
    wanted: &Provision,
    options: CreateOptions,
    environment: Environment,
) -> Result<Directory, Error> {
    let names = Names::new(wanted)?;
    let random = environment.random.clone();
    let sid = new_domain_sid(&*random);
    let directory = Directory::create(folder, options, environment)?;
    let system = Caller::system();
    // The head first: descriptors of what is beneath name the domain's groups.
    directory.apply(&system, Update::Load(vec![content::head(&names, &sid)?]))?;
    let mut objects = content::contexts(&names, &sid)?;
    objects.extend(schema_objects::all(&names)?);
    directory.apply(&system, Update::Load(objects))?;
    directory.apply(&system, Update::Load(content::everything_else(&names, &sid)?))?;
    let settings = content::settings(&names, directory.invocation_id())?;
    directory.apply(&system, Update::Load(vec![settings]))?;
    replace(&directory, &system, &names.base, content::references(&names)?)?;
    set_password(&directory, &names.user("Administrator"), wanted.admin_password.expose_secret())?;
    for account in [names.user("krbtgt"), names.dc()] {
        set_password(&directory, &account, &random_password(&*random))?;
    }
    if wanted.kds_root_key {
        gmsa::create_root_key(&directory, directory.environment().clock.now())?;
    }
    Ok(directory)
}

/// The names that everything in the domain is made of.
pub(crate) struct Names {
    pub(crate) domain: String,
    pub(crate) netbios: String,
    pub(crate) dc_name: String,
    pub(crate) loopback: bool,
    /// `DC=contoso,DC=com`.
    pub(crate) base: String,
    /// `CN=Configuration,…`.
    pub(crate) configuration: String,
    /// `CN=Schema,CN=Configuration,…`.
    pub(crate) schema: String,
}

impl Names {
    fn new(wanted: &Provision) -> Result<Self, Error> {
        let domain = wanted.domain.trim_end_matches('.').to_ascii_lowercase();
        let is_label = |label: &str| {
            let ok = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(ok)
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let bad = |what: &str| Error::naming(format!("{what} is not a name a domain can have"));
        if domain.len() > 64 || !domain.contains('.') || !domain.split('.').all(is_label) {
            return Err(bad(&format!("{:?}", wanted.domain)));
        }
        // NetBIOS names have fifteen characters; the account of a computer is named after it.
        if [&wanted.netbios, &wanted.dc_name].into_iter().any(|name| !is_label(name) || name.len() > 15) {
            return Err(bad("the NetBIOS name or the domain controller's"));
        }
        let base = Dn::of_dns(&domain).to_string();
        Ok(Self {
            netbios: wanted.netbios.to_ascii_uppercase(),
            dc_name: wanted.dc_name.to_ascii_lowercase(),
            loopback: wanted.loopback,
            configuration: format!("CN=Configuration,{base}"),
            schema: format!("CN=Schema,CN=Configuration,{base}"),
            domain,
            base,
        })
    }

    fn user(&self, name: &str) -> String {
        format!("CN={name},CN=Users,{}", self.base)
    }

    fn dc(&self) -> String {
        format!("CN={},OU=Domain Controllers,{}", self.dc_name.to_ascii_uppercase(), self.base)
    }

    /// The domain controller among the servers of its site.
    fn server(&self) -> String {
        let name = self.dc_name.to_ascii_uppercase();
        format!("CN={name},CN=Servers,CN=Default-First-Site-Name,CN=Sites,{}", self.configuration)
    }

    /// The category of a class, as a name.
    fn category(&self, class: &str) -> Result<String, Error> {
        let schema = schema::Schema::shared();
        let class = schema.class(class).ok_or_else(|| Error::store(format!("the schema has no class {class}")))?;
        let category = schema.class(&class.default_object_category).unwrap_or(class);
        Ok(format!("CN={},{}", category.cn, self.schema))
    }

    /// An object with its class and category.
    fn object(&self, dn: &str, class: &str, more: Vec<Attribute>) -> Result<(Dn, Vec<Attribute>), Error> {
        let name: Dn = dn.parse().map_err(|_| Error::naming(format!("{dn} is no name")))?;
        let mut attributes = vec![text("objectClass", class), text("objectCategory", &self.category(class)?)];
        attributes.extend(more);
        Ok((name, attributes))
    }
}

fn text(name: &str, value: &str) -> Attribute {
    Attribute::new(name, [value])
}

fn texts(name: &str, values: &[String]) -> Attribute {
    Attribute::new(name, values.iter().map(String::as_str))
}

/// Three random numbers. MS-SAMR 3.1.1.9.2.1 wants no more of it than that nobody else has it.
fn new_domain_sid(random: &dyn dtyp::Random) -> Sid {
    let Guid(bytes) = Guid::random(random);
    let number = |at: usize| bytes.iter().skip(at).take(4).fold(0u32, |n, byte| n << 8 | u32::from(*byte));
    Sid::domain_of(number(0), number(8), number(12))
}

/// 64 hexadecimal digits and what the policy wants besides: 256 bits that nobody knows.
fn random_password(random: &dyn dtyp::Random) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0u8; 32]);
    random.fill(&mut bytes[..]);
    let mut password = Zeroizing::new(String::with_capacity(80));
    password.push_str("Aa1-");
    for byte in bytes.iter() {
        password.push_str(&format!("{byte:02x}"));
    }
    password
}

fn set_password(directory: &Directory, account: &str, password: &str) -> Result<(), Error> {
    let quoted =
        Zeroizing::new(format!("\"{password}\"").encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
    // Not as the directory itself, which would store what it is given: as somebody to whom the rules for passwords apply.
    let local_system = Caller::new(Arc::new(Token::system()), true);
    replace(directory, &local_system, account, vec![Attribute::new("unicodePwd", [quoted.as_slice()])])
}

fn replace(directory: &Directory, caller: &Caller, object: &str, attributes: Vec<Attribute>) -> Result<(), Error> {
    let replaced = attributes.into_iter().map(|attribute| Modification { kind: ModificationKind::Replace, attribute });
    let dn = object.parse().map_err(|_| Error::naming(format!("{object} is no name")))?;
    let update = Update::Modify { dn, changes: replaced.collect(), permissive: false, sd_flags: None };
    directory.apply(caller, update).map(|_| ())
}

#[cfg(test)]
mod tests;
