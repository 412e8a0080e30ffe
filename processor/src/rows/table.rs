//! Code made from the list of tables. In: the list in `rows/mod.rs`. Out: [`Rows`](super::Rows), and [`TABLES`](super::TABLES).

/// A table of facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// The field of [`Rows`](super::Rows) that holds its rows.
    pub field: &'static str,
    /// The views made from it, which are rebuilt with it from `events`. Some also look up confidentiality in `issue_facts`, and the tier of a
    /// deployment in `environment_facts`. Empty if nothing can be rebuilt: `events` itself, and tables not made from it.
    pub views: &'static [&'static str],
}

/// Makes the struct of rows and `TABLES` from the list.
macro_rules! rows {
    (
        { $($field:ident: $rows:ty => $table:literal, $views:tt;)* }
        then { $last:ident: $last_rows:ty => $last_table:literal, $last_views:tt; }
    ) => {
        /// Rows for the tables, in the order of insertion: `events` come last, so that a visible event has its rows.
        #[derive(Debug, Default, Serialize)]
        pub struct Rows {
            $(#[doc = concat!("`", $table, "`.")] pub $field: $rows,)*
            #[doc = concat!("`", $last_table, "`.")]
            pub $last: $last_rows,
            /// The time of the body, which also applies to its project and actor. `None` if it has no time.
            #[serde(skip)]
            pub as_of: Option<DateTime<Utc>>,
            /// Number of fields that were present but unreadable.
            #[serde(skip)]
            pub unreadable: u64,
        }

        /// All tables of facts, in the order of their rows.
        pub const TABLES: &[Table] = &[
            $(Table { name: $table, field: stringify!($field), views: &$views },)*
            Table { name: $last_table, field: stringify!($last), views: &$last_views },
        ];

        impl Rows {
            /// The number of rows.
            pub fn len(&self) -> usize {
                $(self.$field.len() +)* self.$last.len()
            }

            /// Whether there are no rows.
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// Adds rows.
            pub fn append(&mut self, mut rows: Rows) {
                $(self.$field.append(&mut rows.$field);)*
                self.$last.append(&mut rows.$last);
                self.unreadable += rows.unreadable;
            }
        }
    };
}

pub(super) use rows;
