export function toggle(bell) { location.href = bell.href; }
export function announce() {}
