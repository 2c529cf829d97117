//! Reading and changing objects. RFC 4511 4.5 to 4.8.

use ::ldap::client::{self, Request, Response};
use ::ldap::control::{PAGED_RESULTS, PagedResults};
use ::ldap::message;
use ::ldap::{Control, FilterBuf, ResultCode, oid};

use super::{Change, Connection, Entry, Error, Modification, Scope, Search};

impl Connection {
    /// Searches; follows pages when [`Search::page_size`] is set. Referrals are left out.
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's text, or an error of the connection.
    pub async fn search(&mut self, search: &Search) -> Result<Vec<Entry>, Error> {
        const OPERATION: &str = "the search";
        let filter: FilterBuf = search.filter.parse().map_err(|error| Error::Invalid {
            operation: OPERATION,
            what: format!("the filter {}: {error}", search.filter),
        })?;
        let filter = filter.as_filter();
        let attributes: Vec<&str> = search.attributes.iter().map(String::as_str).collect();
        let request = Request::Search(client::Search {
            base: &search.base,
            scope: match search.scope {
                Scope::Base => message::Scope::Base,
                Scope::OneLevel => message::Scope::One,
                Scope::Subtree => message::Scope::Subtree,
            },
            size_limit: search.size_limit,
            time_limit: u32::try_from(self.limits.operation.as_secs()).unwrap_or(0),
            filter: &filter,
            attributes: &attributes,
        });
        let mut entries = Vec::new();
        let mut cookie = Vec::new();
        loop {
            let page = PagedResults { size: search.page_size, cookie: &cookie }.encode();
            let control = Control { oid: PAGED_RESULTS, critical: true, value: Some(&page) };
            let controls = if search.page_size == 0 { &[][..] } else { std::slice::from_ref(&control) };
            let (server, limit) = (self.server().to_string(), self.limits.entries);
            let ended = self
                .operate(OPERATION, &request, controls, |response| {
                    if entries.len() >= limit {
                        return Err(Error::TooLarge { server: server.clone(), operation: OPERATION, limit });
                    }
                    entries.extend(entry(response));
                    Ok(())
                })
                .await?;
            if ended.code != ResultCode::SUCCESS {
                return Err(self.refused(OPERATION, &ended));
            }
            match ended.cookie {
                Some(next) if search.page_size != 0 => cookie = next,
                _ => return Ok(entries),
            }
        }
    }

    /// Reads one object; nothing when there is no such object.
    ///
    /// # Errors
    /// As [`search`](Self::search).
    pub async fn read(&mut self, dn: &str, attributes: &[&str]) -> Result<Option<Entry>, Error> {
        let mut search = Search::subtree(dn, "(objectClass=*)", attributes);
        search.scope = Scope::Base;
        match self.search(&search).await {
            Ok(entries) => Ok(entries.into_iter().next()),
            Err(error) if error.code() == Some(ResultCode::NO_SUCH_OBJECT.0) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Adds an object.
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's text, or an error of the connection.
    pub async fn add(&mut self, dn: &str, attributes: &[(&str, Vec<Vec<u8>>)]) -> Result<(), Error> {
        let attributes: Vec<(&str, &[Vec<u8>])> =
            attributes.iter().map(|(name, values)| (*name, values.as_slice())).collect();
        self.simple("the addition", &Request::Add(dn, &attributes)).await.map(drop)
    }

    /// Changes an object: all of `changes` or none.
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's text, or an error of the connection.
    pub async fn modify(&mut self, dn: &str, changes: &[Modification]) -> Result<(), Error> {
        let changes: Vec<(message::Change, &str, &[Vec<u8>])> = changes
            .iter()
            .map(|change| {
                let kind = match change.change {
                    Change::Add => message::Change::Add,
                    Change::Delete => message::Change::Delete,
                    Change::Replace => message::Change::Replace,
                };
                (kind, change.attribute.as_str(), change.values.as_slice())
            })
            .collect();
        self.simple("the modification", &Request::Modify(dn, &changes)).await.map(drop)
    }

    /// Renames an object, or moves it to `new_superior`.
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's text, or an error of the connection.
    pub async fn rename(&mut self, dn: &str, new_rdn: &str, new_superior: Option<&str>) -> Result<(), Error> {
        let rename = message::ModifyDn { object: dn, new_rdn, delete_old_rdn: true, new_superior };
        self.simple("the renaming", &Request::ModifyDn(rename)).await.map(drop)
    }

    /// Deletes an object.
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's text, or an error of the connection.
    pub async fn delete(&mut self, dn: &str) -> Result<(), Error> {
        self.simple("the deletion", &Request::Delete(dn)).await.map(drop)
    }

    /// Who the server takes us for (RFC 4532): `u:CONTOSO\alice`.
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's text, or an error of the connection.
    pub async fn who_am_i(&mut self) -> Result<String, Error> {
        let value = self.extended("Who am I?", oid::WHO_AM_I, None).await?.unwrap_or_default();
        String::from_utf8(value).map_err(|_| self.protocol("Who am I?", "the name is no text".to_owned()))
    }
}

fn entry(response: Response<'_>) -> Option<Entry> {
    let Response::Entry { dn, attributes } = response else { return None };
    let owned =
        |(name, values): (&str, Vec<&[u8]>)| (name.to_owned(), values.into_iter().map(<[u8]>::to_vec).collect());
    Some(Entry { dn: dn.to_owned(), attributes: attributes.into_iter().map(owned).collect() })
}
