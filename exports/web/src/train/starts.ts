/** Where the first weights come from: as published, random, or as this browser saved them the last time. */
export const STARTS = ['published', 'fresh', 'saved'] as const;
export type Start = (typeof STARTS)[number];
