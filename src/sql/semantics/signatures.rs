//! What PostgreSQL 15 declares of the functions, operators and aggregates that the engine has too, as far as the types are ours:
//! `name`, and the lists of types that it takes; `-` for none.

/// Functions.
pub const FUNCTIONS: &[(&str, &str)] = &[
    ("abs", "float4 float8 int2 int4 int8 numeric"),
    ("acos", "float8"),
    ("acosd", "float8"),
    ("acosh", "float8"),
    ("ascii", "text"),
    ("asin", "float8"),
    ("asind", "float8"),
    ("asinh", "float8"),
    ("atan", "float8"),
    ("atan2", "float8,float8"),
    ("atand", "float8"),
    ("atanh", "float8"),
    ("bit_length", "bytea text"),
    ("btrim", "bytea,bytea text text,text"),
    ("cbrt", "float8"),
    ("ceil", "float8 numeric"),
    ("ceiling", "float8 numeric"),
    ("char_length", "bpchar text"),
    ("character_length", "bpchar text"),
    ("cos", "float8"),
    ("cosd", "float8"),
    ("cosh", "float8"),
    ("cot", "float8"),
    ("degrees", "float8"),
    ("exp", "float8 numeric"),
    ("factorial", "int8"),
    ("floor", "float8 numeric"),
    ("gcd", "int4,int4 int8,int8 numeric,numeric"),
    (
        "generate_series",
        "int4,int4 int4,int4,int4 int8,int8 int8,int8,int8 numeric,numeric numeric,numeric,numeric \
         timestamp,timestamp,interval timestamptz,timestamptz,interval",
    ),
    ("initcap", "text"),
    ("lcm", "int4,int4 int8,int8 numeric,numeric"),
    ("left", "text,int4"),
    ("length", "bpchar bytea text"),
    ("ln", "float8 numeric"),
    ("log", "float8 numeric numeric,numeric"),
    ("log10", "float8 numeric"),
    ("lower", "text"),
    ("lpad", "text,int4 text,int4,text"),
    ("ltrim", "bytea,bytea text text,text"),
    ("md5", "bytea text"),
    ("octet_length", "bpchar bytea text"),
    ("overlay", "bytea,bytea,int4 bytea,bytea,int4,int4 text,text,int4 text,text,int4,int4"),
    ("pi", "-"),
    ("pow", "float8,float8 numeric,numeric"),
    ("power", "float8,float8 numeric,numeric"),
    ("radians", "float8"),
    ("random", "-"),
    ("repeat", "text,int4"),
    ("replace", "text,text,text"),
    ("reverse", "text"),
    ("right", "text,int4"),
    ("round", "float8 numeric numeric,int4"),
    ("rpad", "text,int4 text,int4,text"),
    ("rtrim", "bytea,bytea text text,text"),
    ("sha224", "bytea"),
    ("sha256", "bytea"),
    ("sha384", "bytea"),
    ("sha512", "bytea"),
    ("sign", "float8 numeric"),
    ("sin", "float8"),
    ("sind", "float8"),
    ("sinh", "float8"),
    ("split_part", "text,text,int4"),
    ("sqrt", "float8 numeric"),
    ("starts_with", "text,text"),
    ("strpos", "text,text"),
    ("substr", "bytea,int4 bytea,int4,int4 text,int4 text,int4,int4"),
    ("substring", "bytea,int4 bytea,int4,int4 text,int4 text,int4,int4 text,text text,text,text"),
    ("tan", "float8"),
    ("tand", "float8"),
    ("tanh", "float8"),
    ("to_hex", "int4 int8"),
    ("translate", "text,text,text"),
    ("trunc", "float8 numeric numeric,int4"),
    ("upper", "text"),
];

/// Aggregates.
pub const AGGREGATES: &[(&str, &str)] = &[
    ("avg", "float4 float8 int2 int4 int8 interval numeric"),
    ("bit_and", "int2 int4 int8"),
    ("bit_or", "int2 int4 int8"),
    ("bit_xor", "int2 int4 int8"),
    ("bool_and", "bool"),
    ("bool_or", "bool"),
    ("corr", "float8,float8"),
    ("count", "- any"),
    ("covar_pop", "float8,float8"),
    ("covar_samp", "float8,float8"),
    ("every", "bool"),
    (
        "max",
        "anyarray anyenum bpchar date float4 float8 inet int2 int4 int8 interval numeric text time timestamp timestamptz",
    ),
    (
        "min",
        "anyarray anyenum bpchar date float4 float8 inet int2 int4 int8 interval numeric text time timestamp timestamptz",
    ),
    ("regr_avgx", "float8,float8"),
    ("regr_avgy", "float8,float8"),
    ("regr_count", "float8,float8"),
    ("regr_intercept", "float8,float8"),
    ("regr_r2", "float8,float8"),
    ("regr_slope", "float8,float8"),
    ("regr_sxx", "float8,float8"),
    ("regr_sxy", "float8,float8"),
    ("regr_syy", "float8,float8"),
    ("stddev", "float4 float8 int2 int4 int8 numeric"),
    ("stddev_pop", "float4 float8 int2 int4 int8 numeric"),
    ("stddev_samp", "float4 float8 int2 int4 int8 numeric"),
    ("string_agg", "bytea,bytea text,text"),
    ("sum", "float4 float8 int2 int4 int8 interval numeric"),
    ("var_pop", "float4 float8 int2 int4 int8 numeric"),
    ("var_samp", "float4 float8 int2 int4 int8 numeric"),
    ("variance", "float4 float8 int2 int4 int8 numeric"),
];

/// Comparisons.
const COMPARED: &str = "anyarray,anyarray anyenum,anyenum bool,bool bpchar,bpchar bytea,bytea date,date date,timestamp \
    date,timestamptz float4,float4 float4,float8 float8,float4 float8,float8 int2,int2 int2,int4 int2,int8 \
    int4,int2 int4,int4 int4,int8 int8,int2 int8,int4 int8,int8 interval,interval jsonb,jsonb numeric,numeric \
    text,text time,time timestamp,date timestamp,timestamp timestamp,timestamptz timestamptz,date \
    timestamptz,timestamp timestamptz,timestamptz uuid,uuid";

/// Operators, those before one operand among them.
pub const OPERATORS: &[(&str, &str)] = &[
    ("!~", "bpchar,text text,text"),
    ("!~*", "bpchar,text text,text"),
    ("!~~", "bpchar,text bytea,bytea text,text"),
    ("!~~*", "bpchar,text text,text"),
    ("#", "int2,int2 int4,int4 int8,int8"),
    ("%", "int2,int2 int4,int4 int8,int8 numeric,numeric"),
    ("&", "int2,int2 int4,int4 int8,int8"),
    (
        "*",
        "float4,float4 float4,float8 float8,float4 float8,float8 float8,interval int2,int2 int2,int4 int2,int8 \
         int4,int2 int4,int4 int4,int8 int8,int2 int8,int4 int8,int8 interval,float8 numeric,numeric",
    ),
    (
        "+",
        "date,int4 date,interval date,time float4 float4,float4 float4,float8 float8 float8,float4 float8,float8 int2 \
         int2,int2 int2,int4 int2,int8 int4 int4,date int4,int2 int4,int4 int4,int8 int8 int8,int2 int8,int4 int8,int8 \
         interval,date interval,interval interval,time interval,timestamp interval,timestamptz numeric numeric,numeric \
         time,date time,interval timestamp,interval timestamptz,interval",
    ),
    (
        "-",
        "date,date date,int4 date,interval float4 float4,float4 float4,float8 float8 float8,float4 float8,float8 int2 \
         int2,int2 int2,int4 int2,int8 int4 int4,int2 int4,int4 int4,int8 int8 int8,int2 int8,int4 int8,int8 interval \
         interval,interval jsonb,_text jsonb,int4 jsonb,text numeric numeric,numeric time,interval time,time \
         timestamp,interval timestamp,timestamp timestamptz,interval timestamptz,timestamptz",
    ),
    (
        "/",
        "float4,float4 float4,float8 float8,float4 float8,float8 int2,int2 int2,int4 int2,int8 int4,int2 int4,int4 \
         int4,int8 int8,int2 int8,int4 int8,int8 interval,float8 numeric,numeric",
    ),
    ("<", COMPARED),
    ("<<", "int2,int4 int4,int4 int8,int4"),
    ("<=", COMPARED),
    ("<>", COMPARED),
    ("=", COMPARED),
    (">", COMPARED),
    (">=", COMPARED),
    (">>", "int2,int4 int4,int4 int8,int4"),
    ("^", "float8,float8 numeric,numeric"),
    ("|", "int2,int2 int4,int4 int8,int8"),
    (
        "||",
        "anynonarray,text bytea,bytea jsonb,jsonb text,anynonarray text,text any,anyarray anyarray,any \
         anyarray,anyarray",
    ),
    ("~", "bpchar,text int2 int4 int8 text,text"),
    ("~*", "bpchar,text text,text"),
    ("~~", "bpchar,text bytea,bytea text,text"),
    ("~~*", "bpchar,text text,text"),
];
