"""What build_lists.py leaves out of its sources, or writes otherwise."""

NEW_YORK = "New York, NY"
NEW_YORK_FIRMS = 18

NOT_CITIES = frozenset(
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
    Enterprise, NV""".replace("\n", "|").replace("    ", "").split("|")
)
"""Parts of cities and unincorporated places that the source lists as cities."""

UNIVERSITY_NAMES: dict[str, str] = {}
NOT_US_UNIVERSITIES: frozenset[str] = frozenset()
FIRM_NAMES: dict[str, str] = {}
NOT_FIRMS: frozenset[str] = frozenset()

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
}
"""Lines of each list of the folder `bios`."""
