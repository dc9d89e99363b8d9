/** The icons of the conversation, drawn as lines in 24 × 24. */

export const COPY = "M9 9h11v11H9zM5 15H4V4h11v1";
export const DONE = "M5 12.5l4.5 4.5L19 7.5";
export const AGAIN = "M4 12a8 8 0 0 1 14-5.3L20 9M20 4v5h-5M20 12a8 8 0 0 1-14 5.3L4 15M4 20v-5h5";
export const EDIT = "M4 20h4L19 9l-4-4L4 16zM13 7l4 4";
export const GO_ON = "M5 5v14l8-7zM17 5v14";
export const GOOD = "M7 11v9H4v-9zM7 11l4-8a2 2 0 0 1 2 2v4h6a1 1 0 0 1 1 1.2l-1.6 8a1 1 0 0 1-1 .8H7";
export const BAD = "M17 13V4h3v9zM17 13l-4 8a2 2 0 0 1-2-2v-4H5a1 1 0 0 1-1-1.2l1.6-8a1 1 0 0 1 1-.8H17";
export const BACK = "M15 5l-7 7 7 7";
export const NEXT = "M9 5l7 7-7 7";
export const DOWN = "M12 5v14M6 13l6 6 6-6";
export const UP = "M12 19V5M6 11l6-6 6 6";
export const STOP = "M7 7h10v10H7z";
export const IMAGE = "M4 5h16v14H4zM4 16l5-5 4 4 2-2 5 5M15.5 9.5h.01";
export const REMOVE = "M6 6l12 12M18 6L6 18";
