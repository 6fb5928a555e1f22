"""What expressions are made of: constants of each type, and templates of operators, functions, aggregates and windows.

A line of templates is `type of the result|template ; template`. In a template `{text}` is any expression of that type, `{ANY}` one of
any type, `{text=x}` one that `{=x}` says again; `{{` and `}}` are braces.
"""

import collections
import re

LITERALS = {
    "int2": ["1::smallint", "'-3'::int2"],
    "int4": ["0", "1", "2", "-1", "7", "10", "100"],
    "int8": ["0::bigint", "5::bigint", "9223372036854775807", "3000000000"],
    "numeric": ["0.0", "1.5", "-2.25", "10.00", "0.001", "1e2", "100.5"],
    "float4": ["1.5::real", "'-0.25'::float4"],
    "float8": ["0.5::float8", "'2.5'::double precision", "-1e3::float8"],
    "text": ["''", "'a'", "'abc'", "'ABC'", "'%'", "' '", "'商品'", "'a,b,c'", "'O''Brien'", "'12'", "'x'::text", "'b'::varchar"],
    "bool": ["true", "false"],
    "date": ["date '2011-10-31'", "'2000-02-29'::date", "DATE '2024-01-31'"],
    "timestamp": ["timestamp '2011-10-31 13:45:06.789'", "'2000-01-01'::timestamp"],
    "timestamptz": ["timestamptz '2011-10-31 13:45:06+02'", "'2000-01-01 00:00:00Z'::timestamptz"],
    "interval": ["interval '1 day'", "interval '1 month'", "'90 minutes'::interval", "INTERVAL '1 year 2 mons -3 days'"],
    "uuid": ["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid"],
    "jsonb": ["""'{"a":1,"b":[1,2]}'::jsonb""", """'[1,"x",null]'::jsonb""", "'null'::jsonb", "'{}'::jsonb"],
    "int4[]": ["ARRAY[1,2,3]", "'{}'::int[]", "ARRAY[3,NULL,1]", "'{1,2}'::int4[]"],
    "text[]": ["ARRAY['a','b']", "'{}'::text[]", "ARRAY['',NULL,'商品']::text[]"],
    "bytea": ["'\\xdeadbeef'::bytea", "''::bytea"],
    "time": ["time '12:30'", "'23:59:59.5'::time"],
}
TYPES = list(LITERALS)
# Types whose values are compared, sorted and grouped; the frequent ones thrice.
COMPARED = [t for t in TYPES if t not in ("jsonb", "bytea", "int4[]", "text[]", "time")] + ["int4", "text", "date", "numeric"] * 2

EXPRESSIONS = r"""
int4|{int4} + {int4} ; {int4} - {int4} ; {int2} * {int2} ; {int4} / NULLIF({int4}, 0) ; {int4} % NULLIF({int4}, 0) ; -{int4} ; abs({int4})
int4|length({text}) ; char_length({text}) ; octet_length({text}) ; position({text} IN {text}) ; strpos({text}, {text}) ; ascii({text})
int4|date_part('year', {date})::int ; {date} - {date} ; EXTRACT(dow FROM {date})::int ; sign({int4})::int ; {numeric}::int ; {float8}::int4
int4|cardinality({int4[]}) ; array_length({int4[]}, 1) ; array_position({int4[]}, {int4}) ; ({int4[]})[1] ; ({int4[]})[{int4}]
int4|array_upper({text[]}, 1)
int4|mod({int4}, 7) ; greatest({int4}, {int4}) ; least({int4}, {int4}, 3) ; {int4} & {int4} ; {int4} | {int4} ; {int4} # {int4} ; ~{int4}
int4|{int4} << 2 ; {int4} >> 1
int4|jsonb_array_length(CASE WHEN jsonb_typeof({jsonb=x}) = 'array' THEN {=x} END) ; ({jsonb} ->> 'a')::int ; {bool}::int
int4|width_bucket({numeric}, 0, 100, 5)
int4|array_ndims({int4[]}) ; num_nulls({int4}, {text}) ; num_nonnulls({int4}, {date}) ; bit_length({text}) ; regexp_count({text}, 'a')
int4|length({bytea}) ; get_byte('\x0102'::bytea, 1) ; div({numeric}, 3)::int ; regexp_instr({text}, '[a-c]')
int2|{int4}::smallint ; ({int2})::int2
int8|{int8} + {int4} ; {int4}::bigint ; {int4}::bigint * {int4} ; {int8} - 1 ; {int8} / 3 ; {int8} % 10 ; abs({int8}) ; gcd({int4}, 12)::int8
int8|lcm({int2}, 4)::bigint
numeric|{numeric} + {numeric} ; {numeric} - {int4} ; {numeric} * {numeric} ; round({numeric}, 2) ; round({numeric}) ; trunc({numeric}, 1)
numeric|{numeric} / NULLIF({numeric}, 0)
numeric|ceil({numeric}) ; floor({numeric}) ; abs({numeric}) ; {int4}::numeric ; {int4}::numeric(12,2) ; {numeric}::numeric(14,1) ; mod({numeric}, 3)
numeric|sign({numeric}) ; {numeric} % 5
numeric|EXTRACT(epoch FROM {timestamp}) ; EXTRACT(year FROM {date}) ; EXTRACT(month FROM {timestamp}) ; EXTRACT(second FROM {timestamp})
numeric|EXTRACT(quarter FROM {date}) ; EXTRACT(epoch FROM {interval})
numeric|EXTRACT(isodow FROM {timestamp}) ; EXTRACT(week FROM {date}) ; EXTRACT(isoyear FROM {date}) ; EXTRACT(doy FROM {date})
numeric|EXTRACT(hour FROM {time}) ; EXTRACT(day FROM {interval}) ; EXTRACT(milliseconds FROM {timestamp}) ; EXTRACT(century FROM {date})
numeric|EXTRACT(decade FROM {date})
numeric|greatest({numeric}, {int4}) ; coalesce({numeric}, 0) ; -{numeric} ; sqrt(abs({numeric})) ; power({numeric}, 2)
numeric|{int4} * 1.0 / NULLIF({int4}, 0) ; ({jsonb} ->> 'a')::numeric ; trim_scale({numeric}) ; exp(0.5) ; ln(abs({numeric}) + 1)
numeric|to_number('12,345.67', '99G999D99')
float8|{float8} + {float8} ; {float8} * 2 ; {float8} / NULLIF({float8}, 0) ; sqrt(abs({float8})) ; floor({float8}) ; ceil({float8})
float8|round({float8}) ; trunc({float8}) ; {numeric}::float8
float8|{int4}::double precision ; abs({float8}) ; power({float8}, 2) ; exp(least({float8}, 5)) ; ln(abs({float8}) + 1)
float8|date_part('epoch', {timestamp}) ; date_part('hour', {timestamptz}) ; sign({float8}) ; {float4} + {float8} ; atan2({float8}, 1)
float8|degrees({float8}) ; cbrt({float8}) ; extract(epoch from {timestamptz})::float8
float4|{float8}::real ; {float4} + {float4} ; -{float4} ; {float4} * 2::real ; {int4}::float4
text|upper({text}) ; lower({text}) ; initcap({text}) ; {text} || {text} ; {text} || {int4} ; concat({text}, {int4}, {date})
text|concat_ws('-', {text}, {text}, {int4}) ; substring({text} FROM 2 FOR 3)
text|substr({text}, 2) ; left({text}, 2) ; right({text}, 2) ; left({text}, -1) ; right({text}, -1) ; replace({text}, 'a', 'X') ; trim({text})
text|ltrim({text}, 'a ') ; rtrim({text}) ; btrim({text}, 'ab') ; lpad({text}, 5, '*') ; rpad({text}, 4) ; reverse({text})
text|split_part({text}, ' ', 1) ; split_part({text}, ',', -1) ; repeat({text}, 2) ; translate({text}, 'abc', 'x') ; md5({text})
text|quote_literal({text}) ; quote_ident({text}) ; quote_nullable({text}) ; overlay({text} PLACING 'ZZ' FROM 2 FOR 1) ; chr(65 + abs({int4} % 26))
text|{int4}::text ; {numeric}::text ; {date}::text ; {timestamp}::text ; {timestamptz}::text ; {bool}::text ; {jsonb}::text ; {int4[]}::text
text|{text[]}::text ; {interval}::text ; {float8}::text ; {uuid}::text ; {bytea}::text ; {float4}::text ; {time}::text
text|to_char({date}, 'YYYY-MM-DD') ; to_char({timestamp}, 'Mon DD, YYYY HH12:MI:SS AM') ; to_char({timestamp}, 'Day, DDth Month YYYY')
text|to_char({date}, 'IYYY-"W"IW') ; to_char({numeric}, 'FM999,999,990.00') ; to_char({numeric}, '999999999.99') ; to_char({int4}, '0000')
text|to_char({int4}, 'FM9,999') ; to_char({timestamp}, 'Q HH24 MS US') ; to_char({interval}, 'HH24:MI:SS') ; to_char({float8}, 'FM9999.000')
text|to_char({timestamptz}, 'YYYY-MM-DD"T"HH24:MI:SSOF') ; to_char({numeric}, 'S999.9') ; to_char({int4}, '999PR') ; to_char({int4}, 'RN')
text|to_char({date}, 'FMDay D DDD J')
text|regexp_replace({text}, '[a-z]+', 'x') ; regexp_replace({text}, '(.)(.)', '\2\1', 'g') ; regexp_substr({text}, '[0-9]+')
text|substring({text} FROM '[A-Z](.)') ; format('%s-%I-%L', {text}, {text}, {text}) ; format('%5s|%-5s|', {text}, {int4})
text|regexp_replace({text}, '\s+$', '')
text|{jsonb} ->> 'a' ; {jsonb} ->> 0 ; {jsonb} #>> '{{b,0}}' ; jsonb_typeof({jsonb}) ; array_to_string({text[]}, ',')
text|array_to_string({int4[]}, '-', '?') ; ({text[]})[1] ; coalesce({text}, 'none') ; nullif({text}, '') ; to_json({text})::text
text|jsonb_pretty({jsonb}) ; encode({bytea}, 'base64') ; encode({bytea}, 'hex') ; encode({bytea}, 'escape') ; starts_with({text}, 'a')::text
text|to_hex({int4}) ; cast({text} as varchar(3)) ; cast({text} as char(4)) ; {text}::varchar(2) ; string_to_array({text}, ' ')::text
text|row({int4}, {text}, {bool})::text ; (regexp_match({text}, '([a-c])(.)'))[1] ; convert_from(convert_to({text}, 'UTF8'), 'UTF8')
text|date_trunc('month', {date})::text ; age({timestamp}, {timestamp})::text ; row_to_json(row({int4}, {text}))::text ; lower({text} COLLATE "C")
text|to_char({int8}, '9,999,999') ; json_build_object('k', {int4}, 'v', {text})::text ; to_jsonb({timestamp})::text ; to_json({timestamptz})::text
text|to_jsonb({numeric})::text ; to_jsonb({float8} * 2)::text
bool|{ANY=x} IS NULL ; {ANY} IS NOT NULL ; {bool} AND {bool} ; {bool} OR {bool} ; NOT {bool} ; {bool} IS TRUE ; {bool} IS NOT TRUE
bool|{bool} IS UNKNOWN ; {text} LIKE 'a%' ; {text} ILIKE '%A%' ; {text} NOT LIKE '%b' ; {text} LIKE {text} ; {text} SIMILAR TO '(a|b)%'
bool|{text} ~ '^[a-c]' ; {text} !~ '[0-9]$' ; {text} ~* 'B' ; {text} LIKE '%\%%' ; {text} LIKE '%!_%' ESCAPE '!' ; starts_with({text}, 'a')
bool|{text} LIKE ANY (ARRAY['a%', '%b']) ; {text} ~~* ALL (ARRAY['%a%'])
bool|{int4[]} @> {int4[]} ; {int4[]} && {int4[]} ; {int4} = ANY ({int4[]}) ; {text} = ANY ({text[]}) ; {int4} <> ALL ({int4[]})
bool|{text[]} <@ {text[]} ; {jsonb} @> {jsonb} ; {jsonb} ? 'a' ; {jsonb} ?| ARRAY['a','c'] ; {jsonb} ?& ARRAY['a','b'] ; {jsonb} = {jsonb}
bool|{int4[]} = {int4[]} ; {text[]} < {text[]} ; {jsonb} < {jsonb} ; {bytea} < {bytea} ; {time} < {time}
bool|({date}, {date}) OVERLAPS ({date}, {date}) ; ({int4}, {text}) = ({int4}, {text}) ; ({int4}, {int4}) < ({int4}, {int4}) ; {int4}::bool
bool|{text} COLLATE "C" < {text} ; isfinite({date}) ; {bool} = {bool} ; {bool} <> {bool} ; row({int4}, {text}) IS NOT NULL
bool|row({int4}, {text}) IS NULL ; {numeric} = {float8} ; {int4} = {numeric} ; {date} < {timestamp} ; {timestamp} < {timestamptz}
bool|{int8} > {float4} ; jsonb_path_exists({jsonb}, '$.a') ; {jsonb} @@ '$.a == 1' ; {int4} BETWEEN SYMMETRIC {int4} AND {int4}
bool|({int4}, {text}) IN ((1, 'a'), ({int4}, {text})) ; {text} > {text} AND {text} IS NOT NULL ; {text} BETWEEN 'A' AND 'b'
bool|row({int4}, {date}) IS DISTINCT FROM row({int4}, {date})
date|{date} + 1 ; {date} - {int2} ; {timestamp}::date ; {timestamptz}::date ; greatest({date}, {date}) ; make_date(2011, 1 + abs({int4} % 12), 5)
date|to_date('2011-02-03', 'YYYY-MM-DD') ; (date_trunc('month', {date}) + interval '1 month - 1 day')::date ; CAST({date}::text AS date)
date|coalesce({date}, date '2000-01-01')
timestamp|{timestamp} + {interval} ; {date} + {interval} ; {date}::timestamp ; date_trunc('hour', {timestamp}) ; date_trunc('week', {timestamp})
timestamp|date_trunc('quarter', {timestamp}) ; {timestamptz} AT TIME ZONE 'Asia/Shanghai' ; {timestamp} - interval '1 month'
timestamp|make_timestamp(2011, 2, 28, 1, 2, 3.5) ; to_timestamp('2011 Feb 3', 'YYYY Mon DD')::timestamp ; {date} + {time}
timestamp|date_bin('15 minutes', {timestamp}, timestamp '2001-01-01') ; date_trunc('year', {timestamp}) ; date_trunc('decade', {timestamp})
timestamp|{timestamp}::timestamp(0)
timestamptz|{timestamp} AT TIME ZONE 'America/New_York' ; {timestamptz} + {interval} ; date_trunc('day', {timestamptz})
timestamptz|date_trunc('day', {timestamptz}, 'Asia/Tokyo') ; to_timestamp({int4}) ; date_trunc('month', {date}) ; {timestamp}::timestamptz
timestamptz|{date}::timestamptz ; to_timestamp({float4}::int)
interval|{timestamp} - {timestamp} ; {interval} * 2 ; {interval} / 3 ; {interval} + {interval} ; -{interval} ; age({timestamp}, {timestamp})
interval|age({date}) - age({date}) ; make_interval(days => {int2}::int) ; justify_days({interval}) ; justify_hours({interval})
interval|justify_interval({interval}) ; {interval} * 1.5 ; {int2} * interval '1 day' ; ({int4} || ' days')::interval ; {timestamptz} - {timestamptz}
interval|{time} - {time} ; date_trunc('hour', {interval}) ; {date} - {timestamp} ; {time}::interval
uuid|{uuid} ; {text}::uuid ; coalesce({uuid}, '00000000-0000-0000-0000-000000000000') ; md5({text})::uuid
jsonb|{jsonb} -> 'a' ; {jsonb} -> 0 ; {jsonb} -> -1 ; {jsonb} #> '{{b}}' ; to_jsonb({text}) ; to_jsonb({int4}) ; to_jsonb({int4[]})
jsonb|to_jsonb({date}) ; jsonb_build_object('k', {int4}, 'v', {text}) ; jsonb_build_array({int4}, {text}, {bool}, {numeric})
jsonb|jsonb_set({jsonb}, '{{a}}', '9') ; {jsonb} - 'a' ; jsonb_strip_nulls({jsonb}) ; jsonb_build_object('x', {jsonb}) || '{{"y":2}}'
jsonb|to_jsonb(row({int4}, {text})) ; jsonb_path_query_first({jsonb}, '$.b[*]') ; jsonb_object(ARRAY['a', {text}]::text[])
jsonb|jsonb_insert('{{"a":[1]}}', '{{a,0}}', {jsonb}) ; {jsonb} #- '{{a}}' ; jsonb_path_query_array({jsonb}, '$.b[*] ? (@ > 1)')
jsonb|array_to_json({int4[]})::jsonb ; to_jsonb({timestamp}) ; to_jsonb({bool}) ; {jsonb} || {jsonb}
jsonb|jsonb_build_object({int4}::text, {date}, 'n', {numeric})
int4[]|{int4[]} || {int4} ; {int4} || {int4[]} ; {int4[]} || {int4[]} ; array_append({int4[]}, {int4}) ; array_prepend({int4}, {int4[]})
int4[]|array_remove({int4[]}, 1) ; array_replace({int4[]}, 1, 9) ; array_cat({int4[]}, {int4[]}) ; ARRAY[{int4}, {int4}] ; ({int4[]})[1:2]
int4[]|array_positions({int4[]}, 1) ; trim_array(ARRAY[1,2,{int4}], 1) ; ({int4[]})[2:]
text[]|string_to_array({text}, ',') ; string_to_array({text}, NULL) ; regexp_split_to_array({text}, ' ') ; ARRAY[{text}, {text}]
text[]|{text[]} || {text} ; array_remove({text[]}, 'a') ; {int4[]}::text[] ; regexp_match({text}, '([a-c]).') ; string_to_array({text}, ' ', '')
text[]|array_append({text[]}, {text})
bytea|{text}::bytea ; convert_to({text}, 'UTF8') ; decode('616263', 'hex') ; sha256({bytea}) ; {bytea} || {bytea} ; substring({bytea} FROM 1 FOR 2)
time|{timestamp}::time ; {time} + interval '2 hours' ; make_time(8, 15, 23.5) ; {interval}::time
"""

AGGREGATES = r"""
int8|count(*) ; count({ANY}) ; count(DISTINCT {int4}) ; count(DISTINCT {text}) ; sum({int4}) ; sum({int2}) ; count(DISTINCT ({int4}, {text}))
int8|count(DISTINCT {numeric})
numeric|sum({numeric}) ; avg({int4}) ; avg({numeric}) ; sum({int8}) ; max({numeric}) ; min({numeric}) ; sum(DISTINCT {numeric})
numeric|round(avg({numeric}), 2) ; stddev({int4}) ; variance({numeric}) ; sum({numeric} * {int4}) ; var_pop({int4})
float8|sum({float8}) ; avg({float8}) ; max({float8}) ; min({float8}) ; stddev_pop({float4}) ; corr({int4}, {int2})
float8|percentile_cont(0.5) WITHIN GROUP (ORDER BY {float8}) ; regr_slope({int4}, {int2}) ; regr_count({float8}, {int4})::float8
int4|max({int4}) ; min({int4}) ; percentile_disc(0.5) WITHIN GROUP (ORDER BY {int4}) ; mode() WITHIN GROUP (ORDER BY {int4}) ; bit_or({int4})
int4|bit_and({int4}) ; max(length({text})) ; bit_xor({int4})
text|max({text}) ; min({text}) ; string_agg({text=x}, ',' ORDER BY {=x}) ; string_agg(DISTINCT {text=x}, '|' ORDER BY {=x}) ; max({uuid}::text)
text|mode() WITHIN GROUP (ORDER BY {text}) ; string_agg({int4=x}::text, ',' ORDER BY {=x} DESC)
bool|bool_and({bool}) ; bool_or({bool}) ; every({bool}) ; count(*) > 2
date|max({date}) ; min({date}) ; percentile_disc(0.25) WITHIN GROUP (ORDER BY {date})
timestamp|max({timestamp}) ; min({timestamp})
timestamptz|max({timestamptz}) ; min({timestamptz})
interval|sum({interval}) ; max({interval}) ; min({interval}) ; avg({interval})
int4[]|array_agg({int4=x} ORDER BY {=x}) ; array_agg(DISTINCT {int4}) ; array_agg({int4=x} ORDER BY {=x} DESC NULLS LAST)
text[]|array_agg({text=x} ORDER BY {=x}) ; array_agg(DISTINCT {text=x} ORDER BY {=x} DESC)
jsonb|jsonb_agg({int4=x} ORDER BY {=x}) ; jsonb_object_agg({int4=x}, {=x} ORDER BY {=x}) FILTER (WHERE {=x} IS NOT NULL)
jsonb|jsonb_agg({text=x} ORDER BY {=x}) ; json_agg({date=x} ORDER BY {=x})::jsonb ; jsonb_agg({numeric=x} ORDER BY {=x})
time|max({time}) ; min({time})
int2|max({int2})
float4|max({float4}) ; sum({float4})
"""

WINDOWS = r"""
int8|row_number() ; rank() ; dense_rank() ; count(*) ; count({ANY}) ; sum({int4})
int4|ntile(3) ; lag({int4}) ; lead({int4}, 2, -1) ; first_value({int4}) ; nth_value({int4}, 2) ; max({int4}) ; last_value({int4})
numeric|sum({numeric}) ; avg({int4}) ; avg({numeric}) ; min({numeric}) ; lag({numeric}, 1, 0)
float8|percent_rank() ; cume_dist() ; max({float8})
text|lag({text}) ; first_value({text}) ; max({text}) ; string_agg({text}, ',') ; lead({text}, 1, 'none')
bool|bool_or({bool}) ; every({bool})
date|lead({date}) ; min({date}) ; last_value({date})
interval|sum({interval}) ; lag({interval})
timestamp|max({timestamp}) ; lag({timestamp})
int4[]|array_agg({int4}) ; lag({int4[]})
jsonb|jsonb_agg({int4}) ; lag({jsonb})
"""


def read(block):
    """The type of a result -> its templates, each a list of texts and of (type, name)."""
    out = collections.defaultdict(list)
    for line in block.strip().splitlines():
        result, templates = line.split("|", 1)
        for template in templates.split(" ; "):
            parts = []
            for piece in re.split(r"(\{\{|\}\}|\{[\w\[\]=]+\})", template.strip()):
                if piece in ("{{", "}}"):
                    parts.append(piece[0])
                elif piece.startswith("{"):
                    kind, _, name = piece[1:-1].partition("=")
                    parts.append((kind, name))
                elif piece:
                    parts.append(piece)
            out[result].append(parts)
    return out


EXPRESSIONS, AGGREGATES, WINDOWS = read(EXPRESSIONS), read(AGGREGATES), read(WINDOWS)
