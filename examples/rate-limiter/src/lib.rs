//! The internal service of the story: developers see the rate limits of a public endpoint, and some of them may change these.
//!
//! It keeps no passwords and has none of its own. Its only identity is the credential cache that the guard hands it (`KRB5CCNAME`): with
//! that it finds people in the directory, and the directory proves their passwords. Who is in the group of administrators may change a
//! limit, whoever else can log in may look; what changes in the directory counts at the next click, not at the next login.
//!
//! In reading order: [`Config`] and [`start`]; [`Directory`], all that is asked of the directory; [`Sessions`] and [`Throttle`], the two
//! that keep strangers out; [`Limits`], what it is all about; then the pages and the JSON interface.
//!
//! | | who | what |
//! |---|---|---|
//! | `GET /` | a browser | the limits, with a form for administrators |
//! | `POST /api/login` | a program | `{"username", "password"}` to `{"token", "user", "groups", "may_change", …}` |
//! | `GET /api/limits` | `Authorization: Bearer <token>` | `{"limits": [{"name", "per_minute"}], "may_change"}` |
//! | `PUT /api/limits` | an administrator's token | `{"name", "per_minute"}` |
//! | `POST /api/logout` | a token | ends the session |

mod api;
mod app;
mod config;
mod directory;
mod limits;
mod pages;
mod serve;
mod session;
mod site;
mod throttle;

pub use app::{App, Refusal};
pub use config::{Args, BadConfig, Config};
pub use directory::Directory;
pub use limits::{Limit, Limits};
pub use serve::{Error, Running, main_from_args, run, start, start_with};
pub use session::{Session, Sessions};
pub use throttle::Throttle;
