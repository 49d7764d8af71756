// A problem as a field shows it.

import type { Problem } from '../../host/api';
import { readable } from './fields';

export interface ToldProblem {
  message: string;
  hint: string | null;
}

export const told = (problem: Problem | null): ToldProblem | null =>
  problem && { message: readable(problem.message), hint: problem.hint && readable(problem.hint) };
