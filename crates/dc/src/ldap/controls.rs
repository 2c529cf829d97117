//! Which controls are spoken here, and what they say about one request. MS-ADTS 3.1.1.3.4.1.

use directory::ExtendedDn;
use ldap::control::{self, Control, PagedResults};
use ldap::message::Request;

use super::refusal::Refusal;

/// `supportedControl` of the rootDSE.
pub(crate) const SUPPORTED: &[&str] = &[
    control::PAGED_RESULTS,
    control::SHOW_DELETED,
    control::SHOW_RECYCLED,
    control::SHOW_DEACTIVATED_LINKS,
    control::SD_FLAGS,
    control::EXTENDED_DN,
    control::DOMAIN_SCOPE,
    control::SEARCH_OPTIONS,
    control::PERMISSIVE_MODIFY,
    control::TREE_DELETE,
    control::LAZY_COMMIT,
];

/// Bit 1 of the search options: all naming contexts together. MS-ADTS 3.1.1.3.4.1.12.
const PHANTOM_ROOT: u32 = 2;

/// What the controls of one request say.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Controls<'a> {
    pub(crate) page: Option<PagedResults<'a>>,
    pub(crate) sd_flags: Option<u32>,
    pub(crate) extended_dn: Option<ExtendedDn>,
    pub(crate) show_deleted: bool,
    pub(crate) phantom_root: bool,
    pub(crate) permissive: bool,
    pub(crate) tree_delete: bool,
}

impl<'a> Controls<'a> {
    /// Reads the controls of a request.
    pub(crate) fn read(controls: &[Control<'a>], request: &Request<'_>) -> Result<Self, Refusal> {
        let mut read = Self::default();
        for control in controls {
            if !read.take(control, request)? && control.critical {
                return Err(Refusal::critical_control());
            }
        }
        Ok(read)
    }

    /// Takes one control; whether it means something for this request.
    fn take(&mut self, control: &Control<'a>, request: &Request<'_>) -> Result<bool, Refusal> {
        let malformed = |_| Refusal::malformed_control();
        let searching = matches!(request, Request::Search(_));
        match control.oid {
            control::PAGED_RESULTS if searching => self.page = Some(control.paged_results().map_err(malformed)?),
            // Without a recycle bin what is deleted is recycled, and its links are gone (MS-ADTS 3.1.1.1.15).
            control::SHOW_DELETED | control::SHOW_RECYCLED => self.show_deleted = true,
            control::SHOW_DEACTIVATED_LINKS if searching => {}
            control::SD_FLAGS => self.sd_flags = Some(control.integer().map_err(malformed)?.unwrap_or(0xf)),
            control::EXTENDED_DN if searching => {
                self.extended_dn = Some(match control.integer().map_err(malformed)? {
                    None | Some(0) => ExtendedDn::Hex,
                    Some(_) => ExtendedDn::Text,
                });
            }
            control::SEARCH_OPTIONS if searching => {
                let options = control.integer().map_err(malformed)?.ok_or_else(Refusal::malformed_control)?;
                self.phantom_root = options & PHANTOM_ROOT != 0;
            }
            control::PERMISSIVE_MODIFY if matches!(request, Request::Modify { .. }) => self.permissive = true,
            control::TREE_DELETE if matches!(request, Request::Delete(_)) => self.tree_delete = true,
            // There are no referrals here, and every commit is on disk before it is answered.
            control::DOMAIN_SCOPE | control::LAZY_COMMIT | control::MANAGE_DSA_IT => {}
            _ => return Ok(false),
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(oid: &'static str, critical: bool, value: Option<&'static [u8]>) -> Result<Controls<'static>, Refusal> {
        Controls::read(&[Control { oid, critical, value }], &Request::Delete("CN=x"))
    }

    #[test]
    fn an_unknown_control_matters_only_when_it_is_critical() {
        assert!(read("1.2.3", false, None).is_ok());
        assert_eq!(read("1.2.3", true, None).unwrap_err().code.0, 12);
    }

    #[test]
    fn a_control_of_another_request_is_unknown() {
        assert!(read(control::PAGED_RESULTS, true, Some(&[])).is_err());
        assert!(read(control::PAGED_RESULTS, false, Some(&[])).is_ok());
        assert!(read(control::TREE_DELETE, true, None).unwrap().tree_delete);
    }

    /// bloodyAD asks for deactivated links with everything it reads.
    #[test]
    fn recycled_objects_are_deleted_ones_and_deactivated_links_are_none() {
        let object: ldap::FilterBuf = "(objectClass=*)".parse().unwrap();
        let search = Request::Search(ldap::message::Search {
            base: "CN=x",
            scope: ldap::message::Scope::Base,
            size_limit: 0,
            time_limit: 0,
            types_only: false,
            filter: object.as_filter(),
            filter_bytes: object.as_bytes(),
            attributes: Vec::new(),
        });
        let read = |oid| Controls::read(&[Control { oid, critical: true, value: None }], &search).unwrap();
        assert!(read(control::SHOW_RECYCLED).show_deleted);
        assert!(!read(control::SHOW_DEACTIVATED_LINKS).show_deleted);
    }

    #[test]
    fn a_malformed_value_is_refused() {
        assert!(read(control::SD_FLAGS, false, Some(&[0x30, 0x01])).is_err());
        assert_eq!(read(control::SD_FLAGS, false, Some(&[0x30, 3, 2, 1, 4])).unwrap().sd_flags, Some(4));
    }
}
