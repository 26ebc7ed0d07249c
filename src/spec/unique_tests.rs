//! What two assets may not share, and where references may lead.
