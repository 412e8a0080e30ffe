//! What the list of tables becomes. In: the list in `rows/mod.rs`. Out: [`Rows`](super::Rows), and [`TABLES`](super::TABLES).

/// A table of facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// The field of [`Rows`](super::Rows) that holds its rows.
    pub field: &'static str,
    /// The analysts' names that are made of it, and are rebuilt with it from `events`. What is confidential in some is looked up in
    /// `issue_facts` besides, and the tier of a deployment in `environment_facts`. Empty where nothing can be rebuilt: `events` themselves, and what is not in them.
    pub views: &'static [&'static str],
}

/// Makes the struct of rows and `TABLES` from the list.
macro_rules! rows {
    (
        { $($field:ident: $rows:ty => $table:literal, $views:tt;)* }
        then { $last:ident: $last_rows:ty => $last_table:literal, $last_views:tt; }
    ) => {
        /// Rows for the tables, in the order in which they are inserted: `events` come last, so that an event that can be seen has its rows.
        #[derive(Debug, Default, Serialize)]
        pub struct Rows {
            $(#[doc = concat!("`", $table, "`.")] pub $field: $rows,)*
            #[doc = concat!("`", $last_table, "`.")]
            pub $last: $last_rows,
            /// When the body was true: what else it tells, of the project and the actor, is as of then. `None` where it has no time.
            #[serde(skip)]
            pub as_of: Option<DateTime<Utc>>,
            /// Fields that were there, but not readable.
            #[serde(skip)]
            pub unreadable: u64,
        }

        /// All tables of facts, in the order of their rows.
        pub const TABLES: &[Table] = &[
            $(Table { name: $table, field: stringify!($field), views: &$views },)*
            Table { name: $last_table, field: stringify!($last), views: &$last_views },
        ];

        impl Rows {
            /// How many rows there are.
            pub fn len(&self) -> usize {
                $(self.$field.len() +)* self.$last.len()
            }

            /// Whether there are none.
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
