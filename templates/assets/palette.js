export function open() { location.href = '/search'; }
