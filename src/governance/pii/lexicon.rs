//! What the lists know of a word in the Latin script: one look-up gives all of it.
//!
//! Common knowledge: the commonest English words (which open sentences with a capital and are no names), given names, places, peoples, words
//! of streets and firms, and the words that stand beside personal data.

use super::super::semantic_type::{given_names, places};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::LazyLock;

/// Bytes of the longest word that is looked up.
const WORD_BYTES_MAX: usize = 24;

macro_rules! classes {
    ($($(#[$doc:meta])* $name:ident = $bit:literal;)*) => {$(
        $(#[$doc])*
        pub const $name: u32 = 1 << $bit;
    )*};
}

classes! {
    /// A common word of English.
    COMMON = 0;
    /// A given name.
    GIVEN = 1;
    /// A country, state or great city of one word.
    PLACE = 2;
    /// A people, its language, or a faith.
    PEOPLE = 3;
    /// A month.
    MONTH = 4;
    /// A day of the week.
    WEEKDAY = 5;
    /// What ends the name of a street.
    STREET_LAST = 6;
    /// What opens the name of a street in other languages.
    STREET_FIRST = 7;
    /// What stands before the number of a flat, a floor, a box.
    UNIT = 8;
    /// What ends the name of a firm.
    FIRM = 9;
    /// What is said before the name of a person.
    TITLE = 10;
    /// What stands within a name in small letters.
    PARTICLE = 11;
    /// A word beside telephone numbers.
    PHONE = 12;
    /// A word beside cards.
    CARD = 13;
    /// A word beside identity numbers of all kinds.
    ID = 14;
    /// A word beside days of birth.
    BIRTH = 15;
    /// A word beside passports.
    PASSPORT = 16;
    /// A word beside licences.
    LICENSE = 17;
    /// A word beside postal codes.
    ZIP = 18;
    /// A word beside addresses.
    ADDRESS = 19;
    /// A word of numbers that are nobody's: orders, parcels, invoices, prices.
    OTHER_NUMBER = 20;
    /// A word before the name of a person.
    BEFORE_PERSON = 21;
    /// What persons do, behind their name.
    BEHIND_PERSON = 22;
    /// A word before a place.
    BEFORE_PLACE = 23;
    /// A word before a firm.
    BEFORE_FIRM = 24;
    /// A word behind a firm.
    BEHIND_FIRM = 25;
    /// A word of age.
    AGE = 26;
    /// A word beside the social security number.
    SSN = 27;
    /// What ends the name of an institution, rather than a legal form.
    INSTITUTE = 28;
}

/// FNV-1a: the words are few and short, and nobody chooses them.
#[derive(Default)]
pub struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let mut hash = if self.0 == 0 { 0xcbf2_9ce4_8422_2325 } else { self.0 };
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        self.0 = hash;
    }
}

static WORDS: LazyLock<HashMap<&'static [u8], u32, BuildHasherDefault<Fnv>>> = LazyLock::new(|| {
    let mut words: HashMap<&'static [u8], u32, BuildHasherDefault<Fnv>> = HashMap::default();
    for (class, list) in LISTS {
        for word in list.split_ascii_whitespace() {
            *words.entry(word.as_bytes()).or_default() |= *class;
        }
    }
    for word in given_names() {
        *words.entry(word.as_bytes()).or_default() |= GIVEN;
    }
    for word in places().filter(|word| word.len() > 3 && !word.contains(' ')) {
        *words.entry(word.as_bytes()).or_default() |= PLACE;
    }
    words
});

/// What is known of a word, in whatever case.
pub fn classes_of(word: &str) -> u32 {
    let bytes = word.as_bytes();
    let mut buffer = [0u8; WORD_BYTES_MAX];
    let Some(place) = buffer.get_mut(..bytes.len()) else { return 0 };
    place.copy_from_slice(bytes);
    place.make_ascii_lowercase();
    WORDS.get(&*place).copied().unwrap_or(0)
}

/// Whether several words together, in small letters, are the name of a country or a great city.
pub fn is_place(name: &str) -> bool {
    static LONG: LazyLock<std::collections::HashSet<&'static str>> =
        LazyLock::new(|| places().filter(|name| name.contains(' ')).collect());
    LONG.contains(name)
}

const LISTS: &[(u32, &str)] = &[
    (COMMON, COMMON_WORDS),
    (COMMON, BUSINESS_WORDS),
    (
        COMMON | MONTH,
        "january february march april may june july august september october november december jan feb mar apr jun jul aug sep sept oct nov dec",
    ),
    (
        COMMON | WEEKDAY,
        "monday tuesday wednesday thursday friday saturday sunday mondays tuesdays wednesdays thursdays fridays saturdays sundays",
    ),
    (PEOPLE, PEOPLES),
    (
        STREET_LAST,
        "street st avenue ave road rd boulevard blvd lane ln drive dr court ct place pl square squares sq terrace way highway hwy parkway pkwy crescent close circuit circle trail alley streets avenues roads mews row walk loop plaza path pike turnpike expressway crossing bypass strasse straße gasse platz allee weg straat laan plein gracht gatan gata vägen väg vej gade veien vei gate tie katu utca út tér ulica ulice ulitsa prospekt caddesi sokak",
    ),
    (
        STREET_FIRST,
        "rue via avenue avenida av calle rua viale piazza corso strada plaza paseo carrera calzada camino rambla boulevard chemin allée impasse quai travessa praça largo ul ulica aleja os. c",
    ),
    (UNIT, "apt apartment suite ste unit floor flat room box psc building bldg block lot po"),
    (
        FIRM,
        "inc ltd llc gmbh corp corporation limited plc company co ag sa srl spa bv nv oy ab as aps kg kgaa sarl sas pty llp lp holdings holding group incorporated",
    ),
    (
        INSTITUTE,
        "bank university college institute hospital school associates partners solutions systems technologies technology software services industries enterprises ventures capital labs laboratories media motors airlines airways insurance investments consulting foundation agency network networks pharmaceuticals energy financial foods stores studios entertainment global international securities analytics",
    ),
    (
        TITLE | COMMON,
        "mr mrs ms miss mx dr prof professor sir madam madame monsieur herr frau señor señora sr sra captain capt lord lady",
    ),
    (
        PARTICLE,
        "de da di do du van von der den ten ter del della dei dos das la le el al bin ibn bint ben y e af av zu zum zur of-the st",
    ),
    (
        PHONE | COMMON,
        "phone telephone tel mobile cell cellphone fax call calls called calling number contact reach dial answering text sms whatsapp ring hotline extension ext mob ph messages landline voicemail",
    ),
    (CARD | COMMON, "card cards credit debit visa mastercard amex discover maestro cc payment charge pan unionpay jcb"),
    (
        ID | COMMON,
        "id identity identification identifier national citizen personal taxpayer tax nino insurance aadhaar pan nif nie dni cpf pesel nric nhs codice fiscale",
    ),
    (SSN | COMMON, "ssn social ssns itin"),
    (BIRTH | COMMON, "born birth birthday birthdate birthdays dob"),
    (PASSPORT | COMMON, "passport passports"),
    (LICENSE | COMMON, "license licence driver driving driver's drivers dl permit"),
    (ZIP | COMMON, "zip zipcode postal postcode plz"),
    (
        ADDRESS | COMMON,
        "address addresses lives live living located location street reside resides residence residing ship shipping deliver delivery delivered send sent mail billing moved office home house apartment meet corner return restaurant bus stop drops drop visit side",
    ),
    (
        OTHER_NUMBER | COMMON,
        "order orders invoice tracking parcel shipment sku ean upc isbn issn item product price amount total qty quantity version build ticket case serial reference ref po transaction page pages volume rows bytes usd eur gbp cny rmb",
    ),
    (
        BEFORE_PERSON | COMMON,
        "name names named called dear hi hello hey hola am i'm im by meet mother father mom mum dad brother sister wife husband son daughter kid friend partner uncle aunt cousin boss manager colleague doctor nurse signed regards sincerely producer director author singer artist surname customer client patient employee user mrs mr ms under who attn contact cc sender recipient buyer seller and tribute not maiden married featuring starring said says asked told explained wrote grandfather grandmother colleague teacher student actor actress president founder written directed",
    ),
    (
        BEHIND_PERSON | COMMON,
        "said says say saying lives lived works worked is was will has had did does shouted asked told explained wrote writes thinks called calls listed spent flew went came joined born died speaks speak spoke talks talking plays played signed sent shares moved turned turns wants likes loves and or who can could would might",
    ),
    (
        BEFORE_PLACE | COMMON,
        "in from to at near around visit visiting visited toward towards into through across leaving southern northern eastern western south north east west city town village capital moved downtown outside inside via between",
    ),
    (
        BEFORE_FIRM | COMMON,
        "at for from with join joined joining by company firm employer employed works working work of support the acquired became founded",
    ),
    (
        BEHIND_FIRM | COMMON,
        "office offices headquarters employees stock shares shareholders ceo cfo cto products product announced acquired employs orchestra team store stores brand app website platform customers",
    ),
    (AGE | COMMON, "age aged years year old yr yrs y/o months turn turned turning"),
];

const PEOPLES: &str = "\
    american english british french german italian spanish portuguese dutch belgian swiss austrian swedish norwegian danish finnish icelandic \
    irish scottish welsh polish czech slovak slovenian croatian serbian bosnian hungarian romanian bulgarian greek turkish russian ukrainian \
    belarusian lithuanian latvian estonian albanian macedonian chinese japanese korean vietnamese thai indian pakistani bangladeshi indonesian \
    malaysian filipino singaporean taiwanese mongolian iranian persian iraqi syrian lebanese jordanian israeli palestinian saudi egyptian \
    moroccan algerian tunisian libyan nigerian ghanaian kenyan ethiopian somali sudanese congolese ugandan tanzanian zimbabwean zambian \
    canadian mexican brazilian argentinian argentine chilean peruvian colombian venezuelan ecuadorian bolivian uruguayan paraguayan cuban \
    jamaican haitian dominican guatemalan honduran nicaraguan salvadoran panamanian belizean belizian surinamese guyanese australian \
    afghan kazakh uzbek georgian armenian azerbaijani nepali nepalese burmese cambodian laotian greenlandic greenlander maltese cypriot \
    luxembourgish african asian european arab arabic hispanic latino christian catholic protestant orthodox muslim islamic jewish hindu \
    buddhist sikh atheist mormon americans germans russians canadians italians mexicans brazilians australians greeks turks swedes danes \
    norwegians finns poles czechs hungarians indians israelis iranians iraqis syrians egyptians muslims christians jews hindus buddhists \
    catholics africans asians europeans arabs paraguayans uruguayans chileans peruvians colombians cubans koreans vietnamese cambodians \
    scandinavian scandinavians slovenians croatians serbians bulgarians romanians ukrainians austrians belgians estonians latvians lithuanians \
    slovaks albanians icelanders kenyans nigerians ghanaians moroccans tunisians algerians libyans ethiopians venezuelans bolivians \
    ecuadorians belizeans belizians surinameses surinamers jamaicans haitians filipinos malaysians indonesians pakistanis bangladeshis \
    argentinians argentines guatemalans hondurans nicaraguans salvadorans panamanians zimbabweans zambians ugandans tanzanians somalis \
    sudanese mongolians kazakhs uzbeks afghans armenians georgians azerbaijanis swiss irish";

const COMMON_WORDS: &str = include_str!("common_words.txt");
const BUSINESS_WORDS: &str = "\
    account accounts action adventure animation battery biography apple application atm bank banks bot business cancel change check checkout comedy crime drama documentary fantasy horror mystery romance thriller weekly magazine \
    company conference could credit current customer date dates default delete department description details direct directed \
    email emails e-mail error events export family file files finance form forms free from hello help host info \
    information inject insert internet invoice job kids limit link list login mail management manager message method monday music \
    name network notes online option options order orders page password payment personal phone photo pin please policy post price \
    private product products profile project public quality question questions query report request sales search select server service \
    services settings sign site software sql status stock store subject subscription support suspense system table team technology terms test \
    thanks title transfer update url user users username video web website week weekend wide world";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_all_their_classes() {
        assert!(classes_of("Street") & STREET_LAST != 0);
        assert!(classes_of("LAURA") & GIVEN != 0);
        assert!(classes_of("Norway") & PLACE != 0);
        assert!(classes_of("Please") & COMMON != 0);
        assert!(classes_of("May") & MONTH != 0);
        assert_eq!(classes_of("Guðmundsdóttir"), 0);
        assert_eq!(classes_of(&"a".repeat(60)), 0);
        assert!(is_place("south africa"));
    }
}
