// Drives the embedded ClickHouse with clickhouse-go over HTTP, unchanged, in every compression that it offers, and with what Grafana's
// ClickHouse plugin sends: the statements of its health check, its schema browser, its variables and its panels, through database/sql as it does.
//
// Usage: clients http://127.0.0.1:8123
// Prints one line per compression; exits non-zero on the first failure.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"
	"github.com/google/uuid"
)

// What the plugin sends, with the macros written out that it replaces before. It is of grafana/clickhouse-datasource 4.20.
var grafana = []string{
	// pkg/plugin/driver.go
	"SELECT version()",
	// src/data/CHDatasource.ts
	"SHOW DATABASES",
	"SHOW TABLES",
	`SHOW TABLES FROM "%[1]s"`,
	`DESC TABLE "%[1]s"."events"`,
	"SELECT name, type, table FROM system.columns",
	"SELECT name, type, table FROM system.columns WHERE table = 'events'",
	"SELECT name, type, table FROM system.columns WHERE database = '%[1]s' AND table = 'events'",
	"SELECT name, type, table FROM system.columns WHERE database IN ('%[1]s')",
	"SELECT name, type, table FROM system.columns WHERE database IN ('%[1]s') AND table = 'events'",
	`
      SELECT
        name, is_aggregate, case_insensitive, alias_to, origin, description,
        syntax, arguments, returned_value, examples, categories
      FROM system.functions
      LIMIT 10000
    `,
	`SELECT DISTINCT arrayJoin(mapKeys("labels")) as keys FROM (SELECT "labels" FROM "%[1]s"."events" LIMIT 10000) LIMIT 1000`,
	`SELECT DISTINCT arrayJoin(mapKeys("labels")) as keys FROM "%[1]s"."events" WHERE "at" >= now() - INTERVAL 6 HOUR LIMIT 1000`,
	`SELECT DISTINCT arrayJoin(JSONAllPaths("body")) as path FROM "%[1]s"."events" LIMIT 1000`,
	`SELECT arrayJoin(distinctJSONPathsAndTypes(body)) FROM "%[1]s"."events" SETTINGS max_execution_time=10`,
	`SELECT DISTINCT "name" FROM "%[1]s"."events" WHERE "name" IS NOT NULL LIMIT 1000`,
	`SELECT DISTINCT "labels"['team'] FROM "%[1]s"."events" WHERE mapContains("labels", 'team') LIMIT 1000`,
	`select distinct name from %[1]s.events limit 1000`,
	`SELECT alias, select, "type" FROM %[1]s.aliases`,
	// src/data/CHVariableSupport.tsx
	"SELECT name FROM system.databases ORDER BY name",
	"SELECT name FROM system.tables ORDER BY name",
	"SELECT name FROM system.tables WHERE database = '%[1]s' ORDER BY name",
	"SELECT name FROM system.columns WHERE database = '%[1]s' AND table = 'events' ORDER BY name",
	`SELECT DISTINCT "labels"['team'] AS value FROM "%[1]s"."events" WHERE mapContains("labels", 'team') ORDER BY value LIMIT 1000`,
	`SELECT DISTINCT "name" AS value FROM "%[1]s"."events" WHERE "name" IS NOT NULL ORDER BY value LIMIT 1000`,
	// Panels of the query builder: a time series, a table, logs, with filters of a dashboard.
	`SELECT toStartOfInterval(toDateTime("at"), INTERVAL 60 second) as "time", count(*) as count FROM "%[1]s"."events" WHERE ( at >= toDateTime(1767225600) AND at <= toDateTime(4070908800) ) GROUP BY time ORDER BY time ASC LIMIT 1000`,
	`SELECT * FROM "%[1]s"."events" WHERE ( at >= fromUnixTimestamp64Milli(1767225600000) AND at <= fromUnixTimestamp64Milli(4070908800000) ) LIMIT 1000`,
	`SELECT at as timestamp, name as body FROM "%[1]s"."events" ORDER BY timestamp DESC LIMIT 100 settings additional_table_filters={'%[1]s.events' : ' name = \'n1\' '}`,
}

type row struct {
	ID     uint64
	Name   string
	Kind   string
	At     time.Time
	Labels map[string]string
	Note   *string
	Key    uuid.UUID
	Tags   []string
}

func rows(count int) []row {
	made := make([]row, count)
	for number := range made {
		made[number] = row{
			ID:     uint64(number),
			Name:   fmt.Sprintf("n%d", number),
			Kind:   fmt.Sprintf("kind %d", number%3),
			At:     time.Date(2026, 3, 4, 5, 6, 7, 89000000, time.UTC).Add(time.Duration(number) * time.Second),
			Labels: map[string]string{"team": "a"},
			Key:    uuid.UUID{byte(number)},
			Tags:   []string{"x", ""},
		}
		if number%2 == 0 {
			note := "noted"
			made[number].Note = &note
		}
	}
	return made
}

const columns = "id UInt64, name String, kind LowCardinality(String), at DateTime64(3, 'UTC'), labels Map(String, String), note Nullable(String), key UUID, tags Array(String), body JSON DEFAULT '{\"a\":{\"b\":1}}'"

func drive(options *clickhouse.Options, database string) error {
	ctx := context.Background()
	connection, err := clickhouse.Open(options)
	if err != nil {
		return err
	}
	defer connection.Close()
	if err := connection.Ping(ctx); err != nil {
		return fmt.Errorf("ping: %w", err)
	}
	for _, statement := range []string{
		"CREATE DATABASE " + database,
		"CREATE TABLE " + database + ".events (" + columns + ") ENGINE = MergeTree ORDER BY id",
		"CREATE TABLE " + database + ".aliases (alias String, select String, type String) ENGINE = MergeTree ORDER BY alias",
	} {
		if err := connection.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	expected := rows(3000)
	batch, err := connection.PrepareBatch(ctx, "INSERT INTO "+database+".events (id, name, kind, at, labels, note, key, tags)")
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	for _, row := range expected {
		if err := batch.Append(row.ID, row.Name, row.Kind, row.At, row.Labels, row.Note, row.Key, row.Tags); err != nil {
			return err
		}
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	found, err := connection.Query(ctx, "SELECT id, name, kind, at, labels, note, key, tags FROM "+database+".events ORDER BY id")
	if err != nil {
		return fmt.Errorf("query: %w", err)
	}
	var read []row
	for found.Next() {
		var row row
		if err := found.Scan(&row.ID, &row.Name, &row.Kind, &row.At, &row.Labels, &row.Note, &row.Key, &row.Tags); err != nil {
			return err
		}
		row.At = row.At.UTC()
		read = append(read, row)
	}
	if err := found.Err(); err != nil {
		return fmt.Errorf("rows: %w", err)
	}
	if !reflect.DeepEqual(read, expected) {
		return fmt.Errorf("%d rows read are not the %d written", len(read), len(expected))
	}
	var count uint64
	if err := connection.QueryRow(ctx, "SELECT count() FROM "+database+".events WHERE id < $1 AND name != $2", 100, "n5").Scan(&count); err != nil || count != 99 {
		return fmt.Errorf("values bound: %d, %w", count, err)
	}
	named := clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{"x": "100"}))
	if err := connection.QueryRow(named, "SELECT count() FROM "+database+".events WHERE id < {x:UInt64}").Scan(&count); err != nil || count != 100 {
		return fmt.Errorf("parameters: %d, %w", count, err)
	}
	if err := connection.QueryRow(ctx, "SELECT count() FROM (SELECT number, toString(number) FROM numbers(3000000))").Scan(&count); err != nil || count != 3000000 {
		return fmt.Errorf("count: %d, %w", count, err)
	}
	if err := external(ctx, connection); err != nil {
		return fmt.Errorf("external table: %w", err)
	}
	return failures(ctx, connection)
}

func external(ctx context.Context, connection clickhouse.Conn) error {
	table, err := ext.NewTable("wanted", ext.Column("id", "UInt64"), ext.Column("name", "String"))
	if err != nil {
		return err
	}
	for number := range 10 {
		if err := table.Append(uint64(number), fmt.Sprintf("e%d", number)); err != nil {
			return err
		}
	}
	var sum uint64
	var last string
	sent := clickhouse.Context(ctx, clickhouse.WithExternalTable(table))
	if err := connection.QueryRow(sent, "SELECT sum(id), max(name) FROM wanted").Scan(&sum, &last); err != nil {
		return err
	}
	if sum != 45 || last != "e9" {
		return fmt.Errorf("%d and %q", sum, last)
	}
	return nil
}

func failures(ctx context.Context, connection clickhouse.Conn) error {
	for statement, code := range map[string]int32{
		"SELECT * FROM no_such_table": 60,
		"SELEKT 1":                    62,
		"SELECT throwIf(number = 2900000) + number, number FROM numbers(3000000)": 395,
	} {
		found, err := connection.Query(ctx, statement)
		if err == nil {
			for found.Next() {
			}
			err = found.Err()
			found.Close()
		}
		var exception *clickhouse.Exception
		if !errors.As(err, &exception) || exception.Code != code {
			return fmt.Errorf("%s: %v", statement, err)
		}
	}
	return nil
}

// As the plugin does: database/sql, the answer's columns by their types.
func plugin(options *clickhouse.Options, database string) error {
	connection := clickhouse.OpenDB(options)
	defer connection.Close()
	if err := connection.PingContext(context.Background()); err != nil {
		return fmt.Errorf("ping: %w", err)
	}
	for _, statement := range grafana {
		if strings.Contains(statement, "%[1]s") {
			statement = fmt.Sprintf(statement, database)
		}
		if err := scan(connection, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

func scan(connection *sql.DB, statement string) error {
	found, err := connection.Query(statement)
	if err != nil {
		return err
	}
	defer found.Close()
	types, err := found.ColumnTypes()
	if err != nil {
		return err
	}
	values := make([]any, len(types))
	for number, kind := range types {
		values[number] = reflect.New(kind.ScanType()).Interface()
	}
	count := 0
	for ; found.Next(); count++ {
		if err := found.Scan(values...); err != nil {
			return err
		}
	}
	if err := found.Err(); err != nil {
		return err
	}
	if count == 0 && !strings.Contains(statement, "aliases") && !strings.Contains(statement, "6 HOUR") && statement != "SHOW TABLES" {
		return errors.New("no rows")
	}
	return nil
}

func main() {
	address, err := url.Parse(os.Args[1])
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for name, method := range map[string]clickhouse.CompressionMethod{
		"none":    clickhouse.CompressionNone,
		"lz4":     clickhouse.CompressionLZ4,
		"zstd":    clickhouse.CompressionZSTD,
		"gzip":    clickhouse.CompressionGZIP,
		"deflate": clickhouse.CompressionDeflate,
		"br":      clickhouse.CompressionBrotli,
	} {
		database := "go_" + name
		options := &clickhouse.Options{
			Addr:        []string{address.Host},
			Protocol:    clickhouse.HTTP,
			Auth:        clickhouse.Auth{Database: "default", Username: "default"},
			Compression: &clickhouse.Compression{Method: method, Level: 3},
		}
		if err := drive(options, database); err != nil {
			fmt.Printf("clickhouse-go, %s: %v\n", name, err)
			os.Exit(1)
		}
		if err := plugin(options, database); err != nil {
			fmt.Printf("Grafana's plugin, %s: %v\n", name, err)
			os.Exit(1)
		}
		fmt.Printf("clickhouse-go and Grafana's plugin, %s: ok\n", name)
	}
}
