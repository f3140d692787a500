/** English nouns: singular and plural, regular ones by rule and the common irregular ones by name. */

/** Singular → plural. */
const IRREGULAR: Readonly<Record<string, string>> = {
  person: "people",
  man: "men",
  woman: "women",
  child: "children",
  foot: "feet",
  tooth: "teeth",
  goose: "geese",
  mouse: "mice",
  ox: "oxen",
  leaf: "leaves",
  loaf: "loaves",
  knife: "knives",
  wife: "wives",
  life: "lives",
  shelf: "shelves",
  wolf: "wolves",
  half: "halves",
  thief: "thieves",
  calf: "calves",
  elf: "elves",
  scarf: "scarves",
  potato: "potatoes",
  tomato: "tomatoes",
  hero: "heroes",
  echo: "echoes",
  torpedo: "torpedoes",
  mango: "mangoes",
  volcano: "volcanoes",
  analysis: "analyses",
  basis: "bases",
  crisis: "crises",
  thesis: "theses",
  diagnosis: "diagnoses",
  hypothesis: "hypotheses",
  axis: "axes",
  criterion: "criteria",
  phenomenon: "phenomena",
  medium: "media",
  datum: "data",
  curriculum: "curricula",
  bacterium: "bacteria",
  index: "indices",
  vertex: "vertices",
  matrix: "matrices",
  appendix: "appendices",
  cactus: "cacti",
  fungus: "fungi",
  nucleus: "nuclei",
  stimulus: "stimuli",
  alumnus: "alumni",
  syllabus: "syllabi",
  quiz: "quizzes",
  bus: "buses",
  gas: "gases",
  lens: "lenses",
  virus: "viruses",
  status: "statuses",
  bonus: "bonuses",
  campus: "campuses",
  menu: "menus",
  alias: "aliases",
  atlas: "atlases",
  iris: "irises",
  canvas: "canvases",
  census: "censuses",
  octopus: "octopuses",
  platypus: "platypuses",
  walrus: "walruses",
  movie: "movies",
  cookie: "cookies",
  selfie: "selfies",
  tie: "ties",
  pie: "pies",
  zombie: "zombies",
  calorie: "calories",
  genie: "genies",
  brownie: "brownies",
  smoothie: "smoothies",
  prairie: "prairies",
  hoodie: "hoodies",
  shoe: "shoes",
  toe: "toes",
  canoe: "canoes",
  oboe: "oboes",
  cache: "caches",
  headache: "headaches",
  ache: "aches",
  niche: "niches",
  axe: "axes",
  cafe: "cafes",
  safe: "safes",
  giraffe: "giraffes",
  chef: "chefs",
  belief: "beliefs",
  roof: "roofs",
  proof: "proofs",
  chief: "chiefs",
  brief: "briefs",
  cliff: "cliffs",
  stomach: "stomachs",
  monarch: "monarchs",
  epoch: "epochs",
  house: "houses",
  horse: "horses",
  course: "courses",
  purchase: "purchases",
  release: "releases",
  exercise: "exercises",
  expense: "expenses",
  invoice: "invoices",
  license: "licenses",
  licence: "licences",
  database: "databases",
  case: "cases",
  phase: "phases",
  phrase: "phrases",
  vase: "vases",
  nurse: "nurses",
  response: "responses",
  lease: "leases",
  disease: "diseases",
  cheese: "cheeses",
  prize: "prizes",
  size: "sizes",
  franchise: "franchises",
  warehouse: "warehouses",
  greenhouse: "greenhouses",
  rose: "roses",
  dose: "doses",
  hose: "hoses",
  nose: "noses",
  noise: "noises",
  base: "bases",
  showcase: "showcases",
  bookcase: "bookcases",
  suitcase: "suitcases",
  briefcase: "briefcases",
  clause: "clauses",
  cause: "causes",
  pause: "pauses",
  use: "uses",
  excuse: "excuses",
  spouse: "spouses",
  blouse: "blouses",
  verse: "verses",
  universe: "universes",
  purse: "purses",
  promise: "promises",
  enterprise: "enterprises",
  surprise: "surprises",
  maze: "mazes",
  breeze: "breezes",
  axle: "axles",
};
/** The same in both numbers, or without a plural: a list of them is called by the same word. */
const UNCHANGED: ReadonlySet<string> = new Set([
  "sheep",
  "fish",
  "deer",
  "moose",
  "series",
  "species",
  "aircraft",
  "spacecraft",
  "salmon",
  "trout",
  "shrimp",
  "offspring",
  "equipment",
  "furniture",
  "feedback",
  "software",
  "hardware",
  "news",
  "homework",
  "luggage",
  "music",
  "money",
  "information",
  "research",
  "stock",
  "livestock",
  "bison",
  "squid",
  "gear",
  "headquarters",
  "merchandise",
]);
const SINGULAR_OF: ReadonlyMap<string, string> = new Map(Object.entries(IRREGULAR).map(([singular, plural]) => [plural, singular]));

/** The plural of a phrase, by its last word; a word that is plural already stays. */
export function pluralize(phrase: string): string {
  return mapLast(phrase, (word) => pluralOf(singularOf(word)));
}

/** The singular of a phrase, by its last word. */
export function singularize(phrase: string): string {
  return mapLast(phrase, singularOf);
}

function pluralOf(word: string): string {
  if (UNCHANGED.has(word)) return word;
  const irregular = IRREGULAR[word] ?? irregularCompound(word, Object.entries(IRREGULAR));
  if (irregular !== undefined) return irregular;
  if (/[^aeiou]y$/.test(word)) return `${word.slice(0, -1)}ies`;
  if (/(?:s|x|z|ch|sh)$/.test(word)) return `${word}es`;
  return `${word}s`;
}

function singularOf(word: string): string {
  if (UNCHANGED.has(word) || word in IRREGULAR) return word;
  const irregular = SINGULAR_OF.get(word) ?? irregularCompound(word, [...SINGULAR_OF]);
  if (irregular !== undefined) return irregular;
  if (/(?:ss|us|is)$/.test(word) || !word.endsWith("s") || word.length < 3) return word;
  if (/[^aeiou]ies$/.test(word) && word.length > 4) return `${word.slice(0, -3)}y`;
  if (/(?:sses|xes|zzes|ches|shes)$/.test(word)) return word.slice(0, -2);
  return word.slice(0, -1);
}

/** `grandchild`, `housewife`, `bookshelf`: a longer word that ends in an irregular one. */
function irregularCompound(word: string, forms: [string, string][]): string | undefined {
  const form = forms.find(([from]) => from.length >= 4 && word.length > from.length && word.endsWith(from) && COMPOUNDING.has(from));
  return form === undefined ? undefined : `${word.slice(0, -form[0].length)}${form[1]}`;
}

const COMPOUNDING: ReadonlySet<string> = new Set(
  [
    "person",
    "child",
    "wife",
    "life",
    "shelf",
    "woman",
    "house",
    "case",
    "course",
    "base",
    "size",
    "quiz",
    "movie",
    "foot",
    "tooth",
    "leaf",
    "knife",
  ].flatMap((word) => [word, IRREGULAR[word] ?? word]),
);

function mapLast(phrase: string, change: (word: string) => string): string {
  const words = phrase.split(" ");
  const last = words.pop() ?? "";
  return [...words, change(last)].join(" ");
}
