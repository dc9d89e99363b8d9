/** Who is in a room, and who of them is typing, as the frames of its socket tell it. Pure. */

/** So long somebody is typing who does not say so again: the server's word may get lost on its way. */
export const TYPING_SECONDS = 6;

/**
 * @typedef {object} Company
 * @property {readonly string[]} present By name.
 * @property {ReadonlyMap<string, number>} typing Until when, in seconds of whatever clock.
 */

/** @type {Company} */
export const NOBODY = { present: [], typing: new Map() };

/**
 * @param {Company} company
 * @param {any} frame Of the server; of another kind than these it changes nothing.
 * @param {number} now
 * @returns {Company}
 */
export function told(company, frame, now) {
  const until = now + TYPING_SECONDS;
  switch (frame.type) {
    case "joined":
      return { present: frame.members, typing: new Map(frame.typing.map((/** @type {string} */ user) => [user, until])) };
    case "presence": {
      const typing = [...company.typing].filter(([user]) => frame.members.includes(user));
      return { present: frame.members, typing: new Map(typing) };
    }
    case "typing": {
      const typing = new Map(company.typing);
      if (frame.typing) typing.set(frame.user, until);
      else typing.delete(frame.user);
      return { ...company, typing };
    }
    default:
      return company;
  }
}

/**
 * Without those who have been silent for too long.
 *
 * @param {Company} company
 * @param {number} now
 */
export function heardLately(company, now) {
  const typing = [...company.typing].filter(([, until]) => until > now);
  return typing.length === company.typing.size ? company : { ...company, typing: new Map(typing) };
}

/**
 * "ann is typing", for all but `me`; empty when nobody is.
 *
 * @param {Company} company
 * @param {string | null} me
 */
export function typingLine({ typing }, me) {
  const others = [...typing.keys()].filter((user) => user !== me).sort();
  if (others.length > 3) return `${others.length} people are typing…`;
  const last = others.pop();
  if (last === undefined) return "";
  return others.length ? `${others.join(", ")} and ${last} are typing…` : `${last} is typing…`;
}

/**
 * "2 people here: ann, you".
 *
 * @param {readonly string[]} present
 * @param {string | null} me
 */
export function presentLine(present, me) {
  const names = present.map((user) => (user === me ? "you" : user));
  return `${names.length} ${names.length === 1 ? "person" : "people"} here: ${names.join(", ")}`;
}

/** One or two letters: "AB" of ann.berg@example.org, "A" of ann. @param {string} user */
export function initials(user) {
  const words = user.split("@")[0].split(/[._+-]+/).filter(Boolean);
  return words.slice(0, 2).map((word) => [...word][0].toUpperCase()).join("");
}
