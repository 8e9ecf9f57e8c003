"""What build_lists.py leaves out of its sources, or writes otherwise."""


def split_entries(text: str) -> frozenset[str]:
    """Returns the entries of a text that separates them by bars and line ends."""
    return frozenset(e.strip() for e in text.replace("\n", "|").split("|") if e.strip())


NEW_YORK = "New York, NY"
NEW_YORK_FIRMS = 18

NOT_CITIES = split_entries(
    """Brooklyn, NY|Queens, NY|Manhattan, NY|The Bronx, NY|New South Memphis, TN
    South Boston, MA|Staten Island, NY|West Raleigh, NC|Lexington-Fayette, KY
    Meads, KY|Tri-Cities, WA|Upper West Side, NY|Paradise, NV|Jamaica, NY
    Maryvale, AZ|Cypress, TX|Sunrise Manor, NV|East Flatbush, NY|Spring Valley, NV
    East New York, NY|Hollywood, CA|Deer Valley, AZ|Tempe Junction, AZ
    East Chattanooga, TN|Washington Heights, NY|Astoria, NY|Borough Park, NY
    Valencia, CA|East Hampton, VA|Metairie Terrace, LA|Metairie, LA|Van Nuys, CA
    Alhambra, AZ|East Los Angeles, CA|Sunset Park, NY|Koreatown, CA|Amherst, NY
    Sheepshead Bay, NY|North Stamford, CT|Harlem, NY|East Harlem, NY|Elmhurst, NY
    North Peoria, IL|Bushwick, NY|Gravesend, NY|East Independence, MO|Corona, NY
    Enterprise, NV"""
)
"""Parts of cities and unincorporated places that the source lists as cities."""

UNIVERSITY_NAMES = {
    "Barnard College - Columbia University": "Columbia University",
    "Letourneau University": "LeTourneau University",
    "University of Alabama - Tuscaloosa": "University of Alabama",
    "University of Alaska - Anchorage": "University of Alaska",
    "University of Arkansas at Fayetteville": "University of Arkansas",
    "University of Hawaii - Hilo": "University of Hawaii",
    "University of Maine at Augusta": "University of Maine",
    "University of Michigan - Ann Arbor": "University of Michigan",
    "University of Nebraska - Lincoln": "University of Nebraska",
    "University of Nevada - Reno": "University of Nevada",
}
"""Source name of a campus: the plain name that most people would use."""

NOT_US_UNIVERSITIES = split_entries(
    """Africa|Alahgaff|Alfaisal|Ambassador|Arba Minch|Athabasca|Atlantis|Bethlehem
    Birzeit|CUNEF|Caribbean|City|Columbus|DY Patil|Darul Ihsan|Dongguk|East West
    European|Hamdard|Hebron|ICI|IE|INHA|John Cabot|King's|Monash|Mondragon|NIST
    Nayanova|North South|Planwel|Polytechnic|Preston|Rai|Siam|Sofia|Stefan
    Strathmore|Tilburg|WorldQuant|Alanta|Baguio|Bath|Benin|Dhaka|Fairfax|Khartoum
    Prishtina|Jahangirnagar|Warnborough|Bircham International|NorthCap
    Stamford International|Anton de Kom|Moreland"""
)
"""Distinctive words of institutions abroad, unaccredited or of unclear name."""

FIRM_NAMES = {
    "EBay": "eBay",
    "Eli Lilly and Company": "Eli Lilly",
    "Ford Motor Company": "Ford",
    "Kohlberg Kravis Roberts": "KKR",
    "The Walt Disney Company": "Disney",
    "United Airlines Holdings": "United Airlines",
    "United Parcel Service": "UPS",
}
"""Source name of a firm: the name that its employees would use."""

NOT_FIRMS = frozenset(["Hartford", "Nike", "Southern", "Williams"])
"""Names that read as something else, or that have a county for a city."""

CONTINUED_NAMES = split_entries(
    """Browning|Bull|Carrillo|Frye|Hartman|Hooper|Huffman|Leach|Leblanc|Maynard|Waller
    Whitehead|Woodard"""
)
"""One of each two last names of which one begins the other in GPT-2 tokens (Wall-er).

The tokens of the shorter name would be counted as if nothing else could follow.
"""

COUNTS = {
    "names/1_first.txt": 400,
    "names/2_middle.txt": 400,
    "names/3_last.txt": 1000,
    "values/birth_city.txt": 200,
    "values/university.txt": 300,
    "values/major.txt": 100,
    "values/employer+employer_city.txt": 263,
    "values/pronoun+possessive.txt": 2,
    "values/birth_date/1_month.txt": 12,
    "values/birth_date/2_day.txt": 28,
    "values/birth_date/3_year.txt": 200,
    "templates/birth_date.txt": 50,
    "templates/birth_city.txt": 50,
    "templates/university.txt": 50,
    "templates/major.txt": 50,
    "templates/employer.txt": 50,
    "templates/employer_city.txt": 50,
    "questions/birth_date.txt": 50,
    "questions/birth_city.txt": 50,
    "questions/university.txt": 50,
    "questions/major.txt": 50,
    "questions/employer.txt": 50,
    "questions/employer_city.txt": 50,
}
"""Lines of each list of the folder `bios`."""

SMALL = {
    "names/1_first.txt": 40,
    "names/2_middle.txt": 40,
    "names/3_last.txt": 100,
    "values/birth_city.txt": 20,
    "values/university.txt": 30,
    "values/major.txt": 10,
}
"""Lines of the lists of `mini` that are every n-th of those of `bios`."""

MONTHS = [
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
]
